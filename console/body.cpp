#include "console/body.hpp"

#include "policy/yaml.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>

namespace sallyport {
namespace {

constexpr std::size_t most_note = 1000;

Outcome<std::optional<std::chrono::seconds>> ttl_of(const boost::json::object& body) {
  const auto text = text_at(body, "ttl");
  if (!text) return text.error();
  if (text->empty()) return std::optional<std::chrono::seconds>();
  const auto duration = parse_duration(*text);
  if (!duration) return Complaint{"ttl: ", duration.error().text};
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*duration);
  if (seconds.count() == 0) return Complaint{"ttl: at least a second"};
  return std::optional(seconds);
}

Outcome<std::optional<std::uint64_t>> count_at(const boost::json::object& body, std::string_view key) {
  const auto* value = body.if_contains(boost::json::string_view(key.data(), key.size()));
  if (!value || value->is_null()) return std::optional<std::uint64_t>();
  boost::system::error_code error;
  const auto number = value->to_number<std::uint64_t>(error);
  if (error || number == 0) return Complaint{key, ": expected a whole number above zero"};
  return std::optional(number);
}

// Bytes, as a number or as "200MiB".
Outcome<std::optional<std::uint64_t>> upload_of(const boost::json::object& body) {
  const auto* value = body.if_contains("upload");
  if (!value || !value->is_string()) return count_at(body, "upload");
  const auto& text = value->get_string();
  const auto bytes = parse_bytes(std::string_view(text.data(), text.size()));
  if (!bytes || *bytes == 0) return Complaint{"upload: expected a size such as 1048576, 64KiB or 200MiB"};
  return std::optional(*bytes);
}

}  // namespace

Outcome<boost::json::object, ApiResponse> read_body(const ApiRequest& request,
                                                    std::initializer_list<std::string_view> known) {
  const std::string_view type = std::string_view(request.type).substr(0, request.type.find(';'));
  if (type != "application/json") return problem(415, "the body must be application/json");
  boost::system::error_code error;
  auto value = boost::json::parse(boost::json::string_view(request.body.data(), request.body.size()), error);
  if (error || !value.is_object()) return problem(400, "the body is no JSON object");
  for (const auto& [key, unused] : value.get_object()) {
    const std::string_view name(key.data(), key.size());
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string names;
    for (const auto word : known) names += (names.empty() ? "" : ", ") + std::string(word);
    return problem(400, "unknown key in the body", "the keys are: " + names);
  }
  return std::move(value.get_object());
}

Outcome<std::string> text_at(const boost::json::object& body, std::string_view key) {
  const auto* value = body.if_contains(boost::json::string_view(key.data(), key.size()));
  if (!value || value->is_null()) return std::string();
  if (!value->is_string()) return Complaint{key, ": expected text"};
  return std::string(value->get_string());
}

Outcome<Decision> read_decision(const boost::json::object& body) {
  Decision decision;
  const auto word = text_at(body, "decision");
  const auto scope = text_at(body, "scope");
  const auto match = text_at(body, "match");
  const auto note = text_at(body, "note");
  for (const auto* text : {&word, &scope, &match, &note}) {
    if (!*text) return text->error();
  }
  if (*word != "approve" && *word != "deny") return Complaint{"decision: approve or deny"};
  decision.approve = *word == "approve";
  if (!scope->empty()) {
    const auto parsed = parse_scope(*scope);
    if (!parsed) return Complaint{"scope: once, agent or everyone"};
    decision.scope = *parsed;
  }
  if (!match->empty()) {
    const auto parsed = parse_match(*match);
    if (!parsed) return Complaint{"match: host or subdomains"};
    decision.match = *parsed;
  }
  if (note->size() > most_note) return Complaint{"note: at most 1000 bytes"};
  decision.note = *note;
  const auto ttl = ttl_of(body);
  const auto uses = count_at(body, "uses");
  const auto upload = upload_of(body);
  if (!ttl) return ttl.error();
  if (!uses) return uses.error();
  if (!upload) return upload.error();
  decision.ttl = *ttl;
  decision.uses = *uses;
  decision.upload = *upload;
  return decision;
}

}  // namespace sallyport
