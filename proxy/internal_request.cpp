#include "proxy/internal_request.hpp"

#include "proxy/wire/http_field.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace sallyport {
namespace {

namespace json = boost::json;

constexpr std::size_t longest_target = 2048;
constexpr std::size_t longest_reason = 500;
constexpr std::size_t longest_label = 200;
constexpr std::chrono::milliseconds longest_wait = std::chrono::minutes(1);

// C0, DEL, and the C1 that UTF-8 spells as C2 80 to C2 9F.
bool has_controls(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x20 || byte == 0x7f) return true;
    const bool more = at + 1 < text.size();
    if (byte == 0xc2 && more && static_cast<unsigned char>(text[at + 1]) < 0xa0) return true;
  }
  return false;
}

Outcome<json::object> read_object(std::string_view body) {
  json::parse_options options;
  options.max_depth = 4;
  json::error_code error;
  json::value value = json::parse(body, error, {}, options);
  if (error) return Complaint{"the body is no JSON (", error.message(), ")"};
  if (!value.is_object()) return Complaint{"the body must be a JSON object"};
  return std::move(value.as_object());
}

Outcome<std::string> text_of(const json::value& value, std::string_view name, std::size_t limit) {
  const auto* text = value.if_string();
  if (!text) return Complaint{name, " must be a string"};
  if (text->size() > limit) return Complaint{name, " may have ", std::to_string(limit), " bytes at most"};
  if (has_controls(*text)) return Complaint{name, " may hold no control characters"};
  return std::string(*text);
}

Outcome<Target> target_of(const std::string& to) {
  if (to.find(' ') != std::string::npos) return Complaint{"a space has no place in it"};
  if (to.find("://") != std::string::npos) return parse_target(to);
  const auto destination = parse_authority(to, 443);
  if (!destination) return destination.error();
  const Spoken spoken = destination->port == 443  ? Spoken::tls
                        : destination->port == 80 ? Spoken::http
                        : destination->port == 22 ? Spoken::ssh
                                                  : Spoken::other;
  return Target{*destination, spoken, spoken == Spoken::http ? "/" : ""};
}

// version-traceid-parentid-flags (W3C Trace Context).
bool is_traceparent(std::string_view text) {
  if (text.size() != 55) return false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool dash = at == 2 || at == 35 || at == 52;
    const char sign = text[at];
    const bool digit = (sign >= '0' && sign <= '9') || (sign >= 'a' && sign <= 'f');
    if (dash ? sign != '-' : !digit) return false;
  }
  return true;
}

}  // namespace

Outcome<AccessRequest> read_access_request(std::string_view body) {
  const auto object = read_object(body);
  if (!object) return object.error();
  std::string to, method, reason;
  for (const auto& [key, value] : *object) {
    const std::string_view name = key;
    std::string* const place = name == "to" ? &to : name == "method" ? &method : name == "reason" ? &reason : nullptr;
    if (!place) return Complaint{"only to, method and reason may be given"};
    const std::size_t limit = place == &to ? longest_target : place == &method ? 32 : longest_reason;
    auto text = text_of(value, name, limit);
    if (!text) return text.error();
    *place = std::move(*text);
  }
  if (to.empty()) return Complaint{"`to` is missing: a URL, or HOST:PORT"};
  auto target = target_of(to);
  if (!target) return Complaint{"to: ", target.error().text};
  if (!method.empty() && !wire::is_token(method)) return Complaint{"method: expected one such as GET or POST"};
  AccessRequest request{std::move(target->to), target->spoken, {}, {}, std::move(reason)};
  if (request.spoken == Spoken::http) {
    request.method = method.empty() ? "GET" : std::move(method);
    request.path = std::move(target->path);
  }
  return request;
}

Outcome<AgentContext> read_context(std::string_view body) {
  const auto object = read_object(body);
  if (!object) return object.error();
  AgentContext context;
  for (const auto& [key, value] : *object) {
    const std::string_view name = key;
    std::string* const place = name == "session"       ? &context.session
                               : name == "tool_call"   ? &context.tool_call
                               : name == "tool"        ? &context.tool
                               : name == "reason"      ? &context.reason
                               : name == "traceparent" ? &context.traceparent
                                                       : nullptr;
    if (!place) return Complaint{"only session, tool_call, tool, reason and traceparent may be given"};
    auto text = text_of(value, name, place == &context.reason ? longest_reason : longest_label);
    if (!text) return text.error();
    *place = std::move(*text);
  }
  if (!context.traceparent.empty() && !is_traceparent(context.traceparent))
    return Complaint{"traceparent: expected 00-<32 hex digits>-<16 hex digits>-<2 hex digits>, in lower case"};
  return context;
}

Outcome<std::chrono::milliseconds> read_wait(const std::optional<std::string>& query) {
  using std::chrono::milliseconds;
  if (!query || query->empty()) return milliseconds(0);
  const Complaint complaint{"the query may be ?wait= and a time such as 30s, and nothing else"};
  std::string_view text = *query;
  if (!text.starts_with("wait=")) return complaint;
  text.remove_prefix(5);
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view unit = text.substr(digits);
  if (digits == 0 || digits > 9) return complaint;
  const long number = std::stol(std::string(text.substr(0, digits)));
  if (unit == "ms") return std::min(milliseconds(number), longest_wait);
  if (unit == "m") return std::min<milliseconds>(std::chrono::minutes(number), longest_wait);
  if (unit.empty() || unit == "s") return std::min<milliseconds>(std::chrono::seconds(number), longest_wait);
  return complaint;
}

}  // namespace sallyport
