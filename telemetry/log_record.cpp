#include "telemetry/log_record.hpp"

#include "telemetry/json_read.hpp"

#include <algorithm>

namespace sallyport {
namespace {

namespace json = boost::json;

constexpr std::size_t most_answers = 8;

RecordKind kind_of_connection(std::uint64_t activity) {
  constexpr std::array kinds{RecordKind::open, RecordKind::close,  RecordKind::reset,
                             RecordKind::fail, RecordKind::refuse, RecordKind::traffic};
  if (activity >= 1 && activity <= kinds.size()) return kinds[activity - 1];
  return activity == 99 ? RecordKind::hold : RecordKind::other;
}

RecordKind kind_of(std::uint64_t class_uid, std::uint64_t activity, std::string_view event) {
  switch (class_uid) {
    case 4001:
      return kind_of_connection(activity);
    case 4002:
      return RecordKind::request;
    case 4003:
      return RecordKind::lookup;
    case 6002:
      return RecordKind::lifecycle;
    case 6003:
      return event == "policy" ? RecordKind::policy : RecordKind::api;
    default:
      return RecordKind::other;
  }
}

std::optional<Action> action_of(std::string_view word) {
  for (const Action action : {Action::allow, Action::ask, Action::deny}) {
    if (word == word_of(action)) return action;
  }
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> duration_at(const json::object* from, std::string_view key) {
  if (value_at(from, key) == nullptr) return std::nullopt;
  return std::chrono::milliseconds(std::min<std::uint64_t>(number_at(from, key), 1ULL << 52));
}

WallClock::time_point time_of(const json::object* line) {
  // Year 9999 is the last that RFC 3339 can write.
  constexpr std::uint64_t latest = 253'402'300'799'999;
  return WallClock::time_point(std::chrono::milliseconds(std::min(number_at(line, "time"), latest)));
}

void read_destination(LogRecord& record, const json::object* line) {
  const json::object* destination = object_at(line, "dst_endpoint");
  for (const char* key : {"hostname", "ip", "name"}) {
    if (record.host.empty()) record.host = text_at(destination, key);
  }
  const std::uint64_t port = number_at(destination, "port");
  if (port <= 65535) record.port = static_cast<std::uint16_t>(port);
}

void read_traffic(LogRecord& record, const json::object* line, const json::object* ours) {
  record.verdict = action_of(text_at(ours, "verdict"));
  record.decided_by = text_at(ours, "decided_by");
  record.rule = text_at(ours, "rule");
  record.reason = text_at(ours, "reason");
  record.door = text_at(ours, "door");
  record.closed_by = text_at(ours, "closed_by");
  record.held = duration_at(ours, "held_ms");
  record.duration = duration_at(line, "duration");
  record.source = text_at(object_at(line, "src_endpoint"), "ip");
  const json::object* process = object_at(object_at(line, "actor"), "process");
  record.program = text_at(process, "name");
  if (record.program.empty()) record.program = text_at(object_at(process, "file"), "name");
  const json::object* traffic = object_at(line, "traffic");
  record.traffic = {number_at(traffic, "bytes_in"), number_at(traffic, "bytes_out")};
  if (const std::uint64_t count = number_at(line, "count")) record.count = count;
  // These stand there only where a ClientHello was read.
  record.tls = object_at(line, "tls") != nullptr || value_at(ours, "ech") != nullptr;
  const json::value* ech = value_at(ours, "ech");
  record.ech = ech != nullptr && ech->is_bool() && ech->get_bool();
}

void read_request(LogRecord& record, const json::object* line) {
  const json::object* request = object_at(line, "http_request");
  const json::object* url = object_at(request, "url");
  record.method = text_at(request, "http_method");
  record.scheme = text_at(url, "scheme");
  record.path = text_at(url, "path");
  record.status = static_cast<int>(std::min<std::uint64_t>(number_at(object_at(line, "http_response"), "code"), 999));
  if (record.host.empty()) record.host = text_at(url, "hostname");
}

void read_question(LogRecord& record, const json::object* line) {
  const json::object* query = object_at(line, "query");
  record.type = text_at(query, "type");
  record.rcode = text_at(line, "rcode");
  if (record.host.empty()) record.host = text_at(query, "hostname");
  const json::value* answers = value_at(line, "answers");
  if (answers == nullptr || !answers->is_array()) return;
  for (const json::value& answer : answers->get_array()) {
    if (record.answers.size() == most_answers) return;
    if (answer.is_object()) record.answers.push_back(text_at(&answer.get_object(), "rdata"));
  }
}

void read_deed(LogRecord& record, const json::object* line, const json::object* ours) {
  record.operation = text_at(object_at(line, "api"), "operation");
  record.actor = text_at(object_at(object_at(line, "actor"), "user"), "name");
  record.role = text_at(ours, "role");
  record.grant = text_at(ours, "grant");
  record.scope = text_at(ours, "scope");
  record.match = text_at(ours, "match");
  record.note = text_at(ours, "note");
  record.old_policy = text_at(ours, "old_policy");
  record.new_policy = text_at(ours, "new_policy");
}

}  // namespace

const char* LogRecord::verdict_word() const {
  if (verdict) return word_of(*verdict);
  return kind == RecordKind::refuse ? "deny" : "";
}

ReadLine read_log_record(std::string_view text) {
  const ParsedJson parsed(text);
  ReadLine out;
  out.json = parsed.object() != nullptr;
  const json::object* line = parsed.object();
  const json::object* ours = object_at(object_at(line, "unmapped"), "sallyport");
  const std::uint64_t sequence = number_at(object_at(line, "metadata"), "sequence");
  if (ours == nullptr || sequence == 0) return out;
  LogRecord& record = out.record.emplace();
  record.sequence = sequence;
  record.event = text_at(ours, "event");
  record.kind = kind_of(number_at(line, "class_uid"), number_at(line, "activity_id"), record.event);
  record.time = time_of(line);
  record.correlation = text_at(object_at(line, "metadata"), "correlation_uid");
  record.policy_uid = text_at(object_at(line, "policy"), "uid");
  record.detail = text_at(line, "status_detail");
  record.agent = text_at(ours, "agent");
  record.approval = text_at(ours, "approval");
  record.lost = number_at(ours, "lost");
  record.begins = number_at(ours, "begins");
  record.success = number_at(line, "status_id") != 2;
  read_destination(record, line);
  if (record.kind < RecordKind::lifecycle) read_traffic(record, line, ours);
  if (record.kind == RecordKind::request) read_request(record, line);
  if (record.kind == RecordKind::lookup) read_question(record, line);
  if (record.kind == RecordKind::policy || record.kind == RecordKind::api) read_deed(record, line, ours);
  return out;
}

const char* word_of(RecordKind kind) {
  constexpr std::array words{"open",    "close",  "reset",     "fail",   "refuse", "traffic", "hold",
                             "request", "lookup", "lifecycle", "policy", "api",    "other"};
  return words[static_cast<std::size_t>(kind)];
}

}  // namespace sallyport
