#include "telemetry/ocsf.hpp"

#include "telemetry/ocsf_parts.hpp"
#include "telemetry/secret_header.hpp"

#include <algorithm>
#include <array>

namespace sallyport {
namespace {

Control control_of(const ConnectionEvent& event) {
  using Activity = ConnectionEvent::Activity;
  switch (event.activity) {
    case Activity::open:
      return event.held ? approved : allowed;
    case Activity::close:
    case Activity::traffic:
      return allowed;
    case Activity::fail:
      return failed;
    case Activity::hold:
      return delayed;
    case Activity::reset: {
      const bool withdrawn = event.closed_by == ClosedBy::policy || event.closed_by == ClosedBy::revoked;
      return withdrawn ? revoked : reset;
    }
    case Activity::refuse:
      break;
  }
  return blocked;
}

int activity_of(ConnectionEvent::Activity activity) {
  using Activity = ConnectionEvent::Activity;
  switch (activity) {
    case Activity::open:
      return 1;
    case Activity::close:
      return 2;
    case Activity::reset:
      return 3;
    case Activity::fail:
      return 4;
    case Activity::refuse:
      return 5;
    case Activity::traffic:
      return 6;
    case Activity::hold:
      break;
  }
  return 99;
}

int severity_of(const ConnectionEvent& event) {
  using Activity = ConnectionEvent::Activity;
  const bool guarded = event.origin.verdict && event.origin.verdict->decided_by == DecidedBy::guard;
  if (event.activity == Activity::refuse) return guarded ? medium : low;
  if (event.closed_by == ClosedBy::crash) return medium;
  return event.activity == Activity::fail || event.activity == Activity::reset ? low : informational;
}

int status_of(ConnectionEvent::Activity activity) {
  using Activity = ConnectionEvent::Activity;
  if (activity == Activity::fail || activity == Activity::refuse) return failure;
  return activity == Activity::reset ? other_status : success;
}

void put_traffic(JsonText& json, std::string_view key, const Traffic& traffic) {
  json.begin(key).count("bytes_in", traffic.in).count("bytes_out", traffic.out).end();
}

void put_duration(JsonText& json, std::string_view key, const std::optional<std::chrono::milliseconds>& value) {
  if (value) json.number(key, std::max<std::int64_t>(value->count(), 0));
}

// `tls` needs a version; where it is unknown the facts stand under unmapped.sallyport.
void put_tls(JsonText& json, const TlsFacts& tls) {
  if (!tls.version.empty()) json.begin("tls").text("version", tls.version, 16).some("sni", tls.sni, 512).end();
  if (tls.ja4.empty()) return;
  json.begin_list("ja4_fingerprint_list").begin().number("type_id", 1).text("value", tls.ja4, 128).end().end_list();
}

void put_unmapped_tls(JsonText& json, const TlsFacts& tls) {
  if (tls.version.empty()) json.some("sni", tls.sni, 512);
  if (!tls.alpn.empty()) {
    json.begin_list("alpn");
    for (std::size_t i = 0; i < std::min(tls.alpn.size(), list_limit); ++i) json.item(tls.alpn[i], 256);
    json.end_list();
  }
  json.flag("ech", tls.ech);
}

void put_line(JsonText& json, const ConnectionEvent& event, std::uint64_t sequence, std::string_view prev) {
  const int activity = activity_of(event.activity);
  const int status = status_of(event.activity);
  put_class(json, {4001, activity, event.origin.time, severity_of(event), status});
  if (activity == 99) json.word("activity_name", "Hold");
  if (status == other_status) json.word("status", "Cut");
  put_metadata(json, profiles_of(event.origin), event.origin.correlation, sequence, prev);
  put_control(json, control_of(event));
  put_origin(json, event.origin, event.peer);
  json.begin("connection_info").word("protocol_name", "tcp").number("direction_id", 2).end();
  put_traffic(json, "traffic", event.traffic);
  if (event.cumulative) put_traffic(json, "cumulative_traffic", *event.cumulative);
  if (event.tls) put_tls(json, *event.tls);
  put_duration(json, "duration", event.duration);
  if (event.count != 1) json.count("count", event.count);
  json.some("status_detail", event.status_detail);
  json.begin("unmapped").begin("sallyport");
  put_unmapped(json, event.origin);
  if (event.tls) put_unmapped_tls(json, *event.tls);
  put_duration(json, "held_ms", event.held);
  if (event.waiting_bytes) json.count("waiting_bytes", *event.waiting_bytes);
  if (event.closed_by) json.word("closed_by", word_of(*event.closed_by));
  put_end(json, prev);
}

int activity_of_method(std::string_view method) {
  constexpr std::array<std::string_view, 9> methods{"CONNECT", "DELETE", "GET",   "HEAD", "OPTIONS",
                                                    "POST",    "PUT",    "TRACE", "PATCH"};
  const auto at = std::find(methods.begin(), methods.end(), method);
  return at == methods.end() ? 99 : static_cast<int>(at - methods.begin()) + 1;
}

void put_headers(JsonText& json, const HttpEvent& event) {
  if (event.headers.empty()) return;
  json.begin_list("http_headers");
  for (std::size_t i = 0; i < std::min(event.headers.size(), list_limit); ++i) {
    const auto& [name, value] = event.headers[i];
    json.begin().text("name", name, 128).text("value", without_secrets(name, value), 512).end();
  }
  json.end_list();
}

// The path as received, but no query or fragment: they carry tokens. Nor the userinfo of an absolute form.
void put_request(JsonText& json, const HttpEvent& event) {
  std::string_view path = event.path;
  path = path.substr(0, path.find_first_of("?#"));
  if (!path.empty() && path.front() != '/' && path.find('@') != std::string_view::npos) {
    path = path.substr(path.rfind('@') + 1);
  }
  json.begin("http_request").text("http_method", event.method, 64).begin("url");
  json.some("scheme", event.scheme, 16);
  json.some("hostname", event.host.empty() ? event.origin.host : event.host, 512);
  if (event.origin.port != 0) json.number("port", event.origin.port);
  json.text("path", path, 4096).end();
  json.some("version", event.version, 16).some("user_agent", event.user_agent, 512);
  put_headers(json, event);
  json.end();
}

void put_line(JsonText& json, const HttpEvent& event, std::uint64_t sequence, std::string_view prev) {
  const Control control = control_of(event.origin, event.held.has_value());
  const bool good = control.action == allowed.action && event.status != 0;
  const int activity = activity_of_method(event.method);
  put_class(json, {4002, activity, event.origin.time, good ? informational : low, good ? success : failure});
  if (activity == 99) json.text("activity_name", event.method, 64);
  put_metadata(json, profiles_of(event.origin), event.origin.correlation, sequence, prev);
  put_control(json, control);
  put_origin(json, event.origin, std::nullopt);
  put_request(json, event);
  if (event.status != 0) json.begin("http_response").number("code", event.status).end();
  put_traffic(json, "traffic", event.traffic);
  put_duration(json, "duration", event.duration);
  json.some("status_detail", event.status_detail);
  json.begin("unmapped").begin("sallyport");
  put_unmapped(json, event.origin);
  put_duration(json, "held_ms", event.held);
  put_end(json, prev);
}

}  // namespace

void encode(const Event& event, std::uint64_t sequence, std::string_view prev, std::string& to) {
  JsonText json(to);
  std::visit([&](const auto& one) { put_line(json, one, sequence, prev); }, event);
}

std::string encode(const Event& event, std::uint64_t sequence, std::string_view prev) {
  std::string line;
  encode(event, sequence, prev, line);
  return line;
}

}  // namespace sallyport
