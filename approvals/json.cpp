#include "approvals/json.hpp"

#include "policy/yaml.hpp"
#include "telemetry/json_text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace sallyport {
namespace {

namespace json = boost::json;

constexpr std::size_t longest_note = 1024;

void put_text(json::object& into, std::string_view key, std::string_view text) {
  if (!text.empty()) into.emplace(key, plain_text(text));
}

void put_question(json::object& into, const Question& question) {
  into.emplace("agent", plain_text(question.agent));
  into.emplace("host", question.to.host.text());
  into.emplace("port", question.to.port);
  put_text(into, "method", question.method);
  put_text(into, "path", question.path);
}

json::object process_json(const ProcessInfo& process) {
  json::object object{{"pid", process.pid}};
  put_text(object, "name", process.name);
  put_text(object, "cmd_line", process.cmd_line);
  put_text(object, "path", process.path);
  if (process.parents.empty()) return object;
  json::array parents;
  for (const auto& parent : process.parents) {
    json::object& one = parents.emplace_back(json::object{{"pid", parent.pid}}).as_object();
    put_text(one, "name", parent.name);
  }
  object.emplace("parents", std::move(parents));
  return object;
}

json::object context_json(const AgentContext& context) {
  json::object object;
  put_text(object, "session", context.session);
  put_text(object, "tool_call", context.tool_call);
  put_text(object, "tool", context.tool);
  put_text(object, "reason", context.reason);
  put_text(object, "traceparent", context.traceparent);
  return object;
}

void put_circumstances(json::object& into, const Circumstances& first) {
  put_text(into, "rule", first.rule);
  put_text(into, "reason", first.reason);
  put_text(into, "protocol", first.protocol);
  put_text(into, "request_path", first.request_path);
  put_text(into, "access_reason", first.access_reason);
  into.emplace("door", word_of(first.door));
  if (first.source) into.emplace("source", first.source->text());
  if (first.process) into.emplace("process", process_json(*first.process));
  if (first.context) into.emplace("context", context_json(*first.context));
  put_text(into, "correlation", first.correlation);
}

Complaint wrong(std::string_view field, std::string_view what) {
  return Complaint{field, ": ", what};
}

std::optional<std::string_view> text_in(const json::value& value) {
  const json::string* text = value.if_string();
  if (text == nullptr) return std::nullopt;
  return std::string_view(text->data(), text->size());
}

std::optional<std::uint64_t> count_in(const json::value& value) {
  if (value.is_uint64()) return value.get_uint64();
  if (value.is_int64() && value.get_int64() >= 0) return static_cast<std::uint64_t>(value.get_int64());
  return std::nullopt;
}

using Read = Outcome<void> (*)(const json::value& value, Decision& into);

Outcome<void> read_decision(const json::value& value, Decision& into) {
  const auto word = text_in(value);
  if (word != "approve" && word != "deny") return wrong("decision", "expected approve or deny");
  into.approve = word == "approve";
  return {};
}

Outcome<void> read_scope(const json::value& value, Decision& into) {
  const auto scope = parse_scope(text_in(value).value_or(""));
  if (!scope) return wrong("scope", "expected once, agent or everyone");
  into.scope = *scope;
  return {};
}

Outcome<void> read_match(const json::value& value, Decision& into) {
  const auto match = parse_match(text_in(value).value_or(""));
  if (!match) return wrong("match", "expected host or subdomains");
  into.match = *match;
  return {};
}

Outcome<void> read_ttl(const json::value& value, Decision& into) {
  const auto duration = parse_duration(text_in(value).value_or(""));
  if (!duration || *duration < std::chrono::seconds(1)) {
    return wrong("ttl", "expected a duration of a second or more, such as \"30m\", \"8h\" or \"7d\"");
  }
  into.ttl = std::chrono::duration_cast<std::chrono::seconds>(*duration);
  return {};
}

Outcome<void> read_uses(const json::value& value, Decision& into) {
  const auto uses = count_in(value);
  if (!uses || *uses == 0) return wrong("uses", "expected a whole number from 1");
  into.uses = *uses;
  return {};
}

Outcome<void> read_upload(const json::value& value, Decision& into) {
  auto upload = count_in(value);
  if (const auto text = text_in(value)) {
    const auto bytes = parse_bytes(*text);
    upload = bytes ? std::optional(*bytes) : std::nullopt;
  }
  if (!upload || *upload == 0) return wrong("upload", "expected a size such as 1048576, \"64KiB\" or \"200MiB\"");
  into.upload = *upload;
  return {};
}

Outcome<void> read_note(const json::value& value, Decision& into) {
  const auto note = text_in(value);
  if (!note || note->size() > longest_note) return wrong("note", "expected a text of at most 1024 bytes");
  into.note = *note;
  return {};
}

struct Field {
  std::string_view name;
  Read read;
};
constexpr std::array<Field, 7> fields{{{"decision", read_decision},
                                       {"scope", read_scope},
                                       {"match", read_match},
                                       {"ttl", read_ttl},
                                       {"uses", read_uses},
                                       {"upload", read_upload},
                                       {"note", read_note}}};

}  // namespace

// The audit log's escaping, without what is only JSON's.
std::string plain_text(std::string_view text, std::size_t limit) {
  std::string quoted;
  append_json_string(quoted, text, limit);
  std::string plain;
  for (std::size_t at = 1; at + 1 < quoted.size(); ++at) {
    const bool escaped = quoted[at] == '\\' && (quoted[at + 1] == '"' || quoted[at + 1] == '\\');
    if (escaped) ++at;
    plain += quoted[at];
  }
  return plain;
}

std::string time_text(WallClock::time_point time) {
  const auto since = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(since);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(since - day);
  std::array<char, 64> text{};
  const int size =
      std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                    static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                    static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string duration_text(std::chrono::seconds duration) {
  constexpr std::array<std::pair<int, char>, 3> units{{{86'400, 'd'}, {3'600, 'h'}, {60, 'm'}}};
  for (const auto& [seconds, name] : units) {
    if (duration.count() >= seconds && duration.count() % seconds == 0) {
      return std::to_string(duration.count() / seconds) + name;
    }
  }
  return std::to_string(duration.count()) + 's';
}

json::object actor_json(const Actor& actor) {
  json::object object{{"name", plain_text(actor.name)}};
  put_text(object, "role", actor.role);
  put_text(object, "through", actor.through);
  if (actor.source) object.emplace("source", actor.source->text());
  return object;
}

json::object decision_json(const Decision& decision) {
  json::object object{{"decision", decision.approve ? "approve" : "deny"},
                      {"scope", word_of(decision.scope)},
                      {"match", word_of(decision.match)}};
  if (decision.ttl) object.emplace("ttl", duration_text(*decision.ttl));
  if (decision.uses) object.emplace("uses", *decision.uses);
  if (decision.upload) object.emplace("upload", *decision.upload);
  put_text(object, "note", decision.note);
  return object;
}

json::object approval_json(const Approval& approval) {
  json::object object{{"id", approval.id}, {"state", word_of(approval.state)}};
  put_question(object, approval.question);
  object.emplace("domain", approval.domain);
  object.emplace("waiting", approval.waiting);
  object.emplace("tries", approval.tries);
  object.emplace("first_seen", time_text(approval.first_seen));
  object.emplace("last_seen", time_text(approval.last_seen));
  put_circumstances(object, approval.first);
  if (approval.decision) {
    json::object decided = decision_json(*approval.decision);
    decided.emplace("by", actor_json(approval.by));
    decided.emplace("at", time_text(approval.decided));
    decided.emplace("grant", approval.grant);
    object.emplace("decision", std::move(decided));
  }
  return object;
}

json::object grant_json(const Grant& grant) {
  json::object object{{"id", grant.id}, {"approval", grant.approval}};
  put_question(object, grant.question);
  for (const auto& member : decision_json(grant.decision)) object.emplace(member.key(), member.value());
  object.emplace("by", actor_json(grant.by));
  object.emplace("created", time_text(grant.created));
  object.emplace("expires", time_text(grant.expires));
  object.emplace("used", grant.used);
  if (grant.uses_left) object.emplace("uses_left", *grant.uses_left);
  if (grant.upload_left) object.emplace("upload_left", *grant.upload_left);
  if (grant.end != Grant::End::none) {
    object.emplace(
        "ended",
        json::object{{"how", word_of(grant.end)}, {"at", time_text(grant.ended)}, {"by", actor_json(grant.ended_by)}});
  }
  return object;
}

Outcome<Decision> decision_from_json(const json::value& value) {
  const json::object* object = value.if_object();
  if (object == nullptr) return Complaint{"expected an object such as {\"decision\": \"approve\"}"};
  Decision decision;
  for (const auto& member : *object) {
    const std::string_view name(member.key().data(), member.key().size());
    const auto* field = std::find_if(fields.begin(), fields.end(), [&](const Field& one) { return one.name == name; });
    if (field == fields.end()) {
      return wrong(plain_text(name, 64),
                   "there is no such field; write decision, scope, match, ttl, uses, upload, note");
    }
    const auto read = field->read(member.value(), decision);
    if (!read) return read.error();
  }
  if (!object->contains("decision")) return wrong("decision", "is missing: write approve or deny");
  return decision;
}

}  // namespace sallyport
