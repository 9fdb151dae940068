#include "telemetry/json_read.hpp"
#include "telemetry/otlp_parts.hpp"

#include <algorithm>
#include <array>
#include <map>

namespace sallyport {
namespace {

using boost::json::object;

constexpr std::uint64_t connection = 4001, request = 4002, query = 4003, success = 1;

struct Severity {
  int number;
  const char* text;
};

// OCSF's severity_id as OpenTelemetry's SeverityNumber: a refusal (low) is a warning, what the guard stops a worse one.
Severity severity_of(std::uint64_t id) {
  constexpr std::array<Severity, 7> severities{{{0, "Unknown"},
                                                {9, "Informational"},
                                                {13, "Low"},
                                                {14, "Medium"},
                                                {17, "High"},
                                                {18, "Critical"},
                                                {21, "Fatal"}}};
  return id < severities.size() ? severities[id] : severities[0];
}

const char* word_of_activity(std::uint64_t activity) {
  constexpr std::array<const char*, 7> words{"", "open", "close", "reset", "fail", "refuse", "traffic"};
  return activity >= 1 && activity < words.size() ? words[activity] : "hold";
}

// One line, read.
struct Record {
  explicit Record(const object* whole)
      : line(whole),
        ours(object_at(object_at(line, "unmapped"), "sallyport")),
        kind(number_at(line, "class_uid")),
        activity(number_at(line, "activity_id")) {}
  const object* line;
  const object* ours;
  std::uint64_t kind, activity;
};

std::string event_name(const Record& record) {
  if (record.kind == connection) return std::string("sallyport.connection.") + word_of_activity(record.activity);
  if (record.kind == request) return "sallyport.http.request";
  if (record.kind == query) return "sallyport.dns.query";
  const std::string operation = text_at(object_at(record.line, "api"), "operation");
  return "sallyport." + (operation.empty() ? text_at(record.ours, "event") : operation);
}

// Of few values, as error.type must be.
std::string error_type(const Record& record) {
  const bool denied = text_at(record.ours, "verdict") == "deny";
  const std::string by = text_at(record.ours, "decided_by"), closed_by = text_at(record.ours, "closed_by");
  if (number_at(record.line, "status_id") == success && record.kind != request) return {};
  if (record.kind == query) return text_at(record.line, "rcode");
  if (denied) return "refused_by_" + by;
  if (record.kind == connection && record.activity == 5) return "refused";
  if (record.kind == request) {
    const std::uint64_t status = number_at(object_at(record.line, "http_response"), "code");
    if (status == 0) return "no_response";
    return status >= 400 ? std::to_string(status) : "";
  }
  return closed_by.empty() ? "_OTHER" : closed_by;
}

void put_endpoints(Attributes& to, const Record& record) {
  const auto* source = object_at(record.line, "src_endpoint");
  to.text("client.address", text_at(source, "ip"));
  if (const auto port = number_at(source, "port")) to.number("client.port", static_cast<std::int64_t>(port));
  const auto* destination = object_at(record.line, "dst_endpoint");
  std::string name = text_at(destination, "hostname"), ip = text_at(destination, "ip");
  if (name.empty()) name = text_at(destination, "name");
  to.text("server.address", name.empty() ? ip : name);
  const auto port = static_cast<std::int64_t>(number_at(destination, "port"));
  if (port != 0) to.number("server.port", port);
  if (record.kind == connection) to.text("network.peer.address", ip);
  const auto* info = object_at(record.line, "connection_info");
  to.text("network.transport", record.kind == request ? "tcp" : text_at(info, "protocol_name"));
}

void put_headers(Attributes& to, const object* http) {
  const auto* value = value_at(http, "http_headers");
  const auto* list = value != nullptr ? value->if_array() : nullptr;
  if (list == nullptr) return;
  std::map<std::string, std::vector<std::string>> headers;
  for (const auto& one : *list) {
    std::string name = text_at(one.if_object(), "name");
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    headers[name].push_back(text_at(one.if_object(), "value"));
  }
  for (const auto& [name, values] : headers) to.texts("http.request.header." + name, values);
}

void put_request(Attributes& to, const Record& record) {
  const auto* http = object_at(record.line, "http_request");
  const std::string method = text_at(http, "http_method");
  const bool known = record.activity != 99;
  to.text("http.request.method", known ? method : "_OTHER");
  if (!known) to.text("http.request.method_original", method);
  const auto* url = object_at(http, "url");
  to.text("url.scheme", text_at(url, "scheme"));
  to.text("url.path", text_at(url, "path"));
  to.text("network.protocol.name", "http");
  to.text("network.protocol.version", text_at(http, "version"));
  to.text("user_agent.original", text_at(http, "user_agent"));
  put_headers(to, http);
  const auto status = number_at(object_at(record.line, "http_response"), "code");
  if (status != 0) to.number("http.response.status_code", static_cast<std::int64_t>(status));
}

void put_question(Attributes& to, const Record& record) {
  const auto* asked = object_at(record.line, "query");
  to.text("dns.question.name", text_at(asked, "hostname"));
  to.text("sallyport.dns.question.type", text_at(asked, "type"));
  to.text("sallyport.dns.rcode", text_at(record.line, "rcode"));
  const auto* value = value_at(record.line, "answers");
  std::vector<std::string> answers;
  if (const auto* list = value != nullptr ? value->if_array() : nullptr) {
    for (const auto& one : *list) answers.push_back(text_at(one.if_object(), "rdata"));
  }
  to.texts("dns.answers", answers);
}

void put_tls(Attributes& to, const Record& record) {
  const auto* tls = object_at(record.line, "tls");
  const std::string version = text_at(tls, "version"), sni = text_at(tls, "sni");
  to.text("tls.client.server_name", sni.empty() ? text_at(record.ours, "sni") : sni);
  if (version.empty()) return;
  to.text("tls.protocol.name", "tls");
  to.text("tls.protocol.version", version);
}

void put_actor(Attributes& to, const Record& record) {
  const auto* actor = object_at(record.line, "actor");
  to.text("user.name", text_at(object_at(actor, "user"), "name"));
  const auto* process = object_at(actor, "process");
  if (process == nullptr) return;
  to.number("process.pid", static_cast<std::int64_t>(number_at(process, "pid")));
  to.text("process.executable.name", text_at(process, "name"));
  to.text("process.executable.path", text_at(object_at(process, "file"), "path"));
  to.text("process.command_line", text_at(process, "cmd_line"));
}

void put_traffic(Attributes& to, const Record& record) {
  const auto* traffic = object_at(record.line, "traffic");
  if (traffic == nullptr) return;
  to.number("sallyport.bytes_in", static_cast<std::int64_t>(number_at(traffic, "bytes_in")));
  to.number("sallyport.bytes_out", static_cast<std::int64_t>(number_at(traffic, "bytes_out")));
}

// What the agent said of its own work.
void put_context(Attributes& to, const Record& record) {
  const auto* context = object_at(record.ours, "context");
  to.text("session.id", text_at(context, "session"));
  to.text("gen_ai.tool.call.id", text_at(context, "tool_call"));
  to.text("gen_ai.tool.name", text_at(context, "tool"));
  to.text("sallyport.context.reason", text_at(context, "reason"));
}

// Sallyport's own facts, by its own names.
void put_ours(Attributes& to, const Record& record) {
  const auto* metadata = object_at(record.line, "metadata");
  to.number("sallyport.sequence", static_cast<std::int64_t>(number_at(metadata, "sequence")));
  to.text("sallyport.correlation", text_at(metadata, "correlation_uid"));
  to.text("sallyport.policy", text_at(object_at(record.line, "policy"), "uid"));
  const auto* duration = value_at(record.line, "duration");
  if (duration != nullptr)
    to.number("sallyport.duration_ms", static_cast<std::int64_t>(number_at(record.line, "duration")));
  if (record.ours == nullptr) return;
  for (const auto& [key, value] : *record.ours) {
    const std::string_view name(key.data(), key.size());
    if (name == "prev" || name == "sni" || name == "event") continue;
    const std::string full = "sallyport." + std::string(name);
    if (const auto* text = value.if_string()) to.text(full, {text->data(), text->size()});
    if (const auto* number = value.if_int64()) to.number(full, *number);
    if (const auto* flag = value.if_bool()) to.flag(full, *flag);
  }
}

void put_attributes(JsonText& json, const Record& record) {
  Attributes to(json, "attributes");
  to.text("log.record.uid", text_at(object_at(record.line, "metadata"), "uid"));
  put_endpoints(to, record);
  if (record.kind == request) put_request(to, record);
  if (record.kind == query) put_question(to, record);
  put_tls(to, record);
  put_actor(to, record);
  const std::string error = error_type(record);
  to.text("error.type", error);
  to.text(error.empty() ? "sallyport.status_detail" : "error.message", text_at(record.line, "status_detail"));
  put_traffic(to, record);
  put_context(to, record);
  put_ours(to, record);
}

bool is_hex_id(std::string_view text) {
  const bool hex = text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  return hex && text.find_first_not_of('0') != std::string_view::npos;
}

// W3C Trace Context: 00-<trace>-<span>-<flags>. It is the agent's word, as the rest of its context is.
void put_trace(JsonText& json, const Record& record) {
  const std::string parent = text_at(object_at(record.ours, "context"), "traceparent");
  if (parent.size() != 55 || !parent.starts_with("00-") || parent[35] != '-' || parent[52] != '-') return;
  const std::string trace = parent.substr(3, 32), span = parent.substr(36, 16), flags = parent.substr(53);
  if (!is_hex_id(trace) || !is_hex_id(span) || flags.find_first_not_of("0123456789abcdef") != std::string::npos) return;
  json.word("traceId", trace).word("spanId", span).number("flags", std::stoi(flags, nullptr, 16));
}

void put_line(JsonText& json, const ObservedLine& line) {
  const ParsedJson parsed(line.text);
  const Record record(parsed.object());
  const WallClock::time_point time{std::chrono::milliseconds(number_at(record.line, "time"))};
  const Severity severity = severity_of(number_at(record.line, "severity_id"));
  json.begin().word("timeUnixNano", nanoseconds(time)).word("observedTimeUnixNano", nanoseconds(line.observed));
  json.number("severityNumber", severity.number).word("severityText", severity.text);
  json.text("eventName", event_name(record), 256);
  // Twice the size: every byte of it may need an escape.
  json.begin("body").text("stringValue", line.text, 2 * line.text.size() + 2).end();
  put_attributes(json, record);
  put_trace(json, record);
  json.end();
}

}  // namespace

std::string otlp_logs(const OtlpResource& resource, std::span<const ObservedLine> lines) {
  std::string out;
  JsonText json(out);
  begin_export(json, "resourceLogs", "scopeLogs", "sallyport.audit", resource);
  json.begin_list("logRecords");
  for (const auto& line : lines) put_line(json, line);
  json.end_list();
  end_export(json);
  return out;
}

}  // namespace sallyport
