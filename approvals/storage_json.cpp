#include "approvals/storage_json.hpp"

#include <boost/json.hpp>

#include <stdexcept>

namespace sallyport {
namespace {

namespace json = boost::json;

void put(json::object& into, std::string_view key, const std::string& text) {
  if (!text.empty()) into.emplace(key, text);
}

void put(json::object& into, std::string_view key, const std::optional<Address>& address) {
  if (address) into.emplace(key, address->text());
}

std::string text_of(const json::object& from, std::string_view key) {
  const json::value* value = from.if_contains(key);
  return value == nullptr ? std::string() : std::string(value->as_string());
}

std::optional<Address> address_of(const json::object& from, std::string_view key) {
  const std::string text = text_of(from, key);
  if (text.empty()) return std::nullopt;
  return Address::parse(text).value();
}

std::optional<std::uint64_t> count_of(const json::object& from, std::string_view key) {
  const json::value* value = from.if_contains(key);
  if (value == nullptr) return std::nullopt;
  return value->to_number<std::uint64_t>();
}

// An agent's words need not be UTF-8, and come back as they were.
json::object parse(std::string_view text) {
  json::parse_options options;
  options.allow_invalid_utf8 = true;
  return json::parse({text.data(), text.size()}, {}, options).as_object();
}

Door door_from(const std::string& word) {
  for (const Door door : {Door::proxy, Door::socks, Door::transparent, Door::attached, Door::dns}) {
    if (word == word_of(door)) return door;
  }
  throw std::runtime_error("there is no door " + word);
}

json::object object_of(const ProcessInfo& process) {
  json::object object{{"pid", process.pid}};
  put(object, "name", process.name);
  put(object, "cmd_line", process.cmd_line);
  put(object, "path", process.path);
  if (process.parents.empty()) return object;
  json::array parents;
  for (const auto& parent : process.parents)
    parents.emplace_back(json::object{{"pid", parent.pid}, {"name", parent.name}});
  object.emplace("parents", std::move(parents));
  return object;
}

json::object object_of(const AgentContext& context) {
  json::object object;
  put(object, "session", context.session);
  put(object, "tool_call", context.tool_call);
  put(object, "tool", context.tool);
  put(object, "reason", context.reason);
  put(object, "traceparent", context.traceparent);
  return object;
}

}  // namespace

std::string stored(const Circumstances& circumstances) {
  json::object object{{"door", word_of(circumstances.door)}};
  put(object, "rule", circumstances.rule);
  put(object, "reason", circumstances.reason);
  put(object, "protocol", circumstances.protocol);
  put(object, "request_path", circumstances.request_path);
  put(object, "access_reason", circumstances.access_reason);
  put(object, "source", circumstances.source);
  if (circumstances.process) object.emplace("process", object_of(*circumstances.process));
  if (circumstances.context) object.emplace("context", object_of(*circumstances.context));
  put(object, "policy_uid", circumstances.policy_uid);
  put(object, "correlation", circumstances.correlation);
  return json::serialize(object);
}

Circumstances circumstances_from(std::string_view text) {
  const json::object object = parse(text);
  Circumstances circumstances;
  circumstances.door = door_from(text_of(object, "door"));
  circumstances.rule = text_of(object, "rule");
  circumstances.reason = text_of(object, "reason");
  circumstances.protocol = text_of(object, "protocol");
  circumstances.request_path = text_of(object, "request_path");
  circumstances.access_reason = text_of(object, "access_reason");
  circumstances.source = address_of(object, "source");
  if (const json::value* process = object.if_contains("process")) {
    const json::object& of = process->as_object();
    circumstances.process =
        ProcessInfo{of.at("pid").as_int64(), text_of(of, "name"), text_of(of, "cmd_line"), text_of(of, "path")};
    if (const json::value* parents = of.if_contains("parents")) {
      for (const json::value& each : parents->as_array()) {
        const json::object& parent = each.as_object();
        circumstances.process->parents.push_back({parent.at("pid").as_int64(), text_of(parent, "name")});
      }
    }
  }
  if (const json::value* context = object.if_contains("context")) {
    const json::object& of = context->as_object();
    circumstances.context = AgentContext{text_of(of, "session"), text_of(of, "tool_call"), text_of(of, "tool"),
                                         text_of(of, "reason"), text_of(of, "traceparent")};
  }
  circumstances.policy_uid = text_of(object, "policy_uid");
  circumstances.correlation = text_of(object, "correlation");
  return circumstances;
}

std::string stored(const Decision& decision) {
  json::object object{
      {"approve", decision.approve}, {"scope", word_of(decision.scope)}, {"match", word_of(decision.match)}};
  if (decision.ttl) object.emplace("ttl", decision.ttl->count());
  if (decision.uses) object.emplace("uses", *decision.uses);
  if (decision.upload) object.emplace("upload", *decision.upload);
  put(object, "note", decision.note);
  return json::serialize(object);
}

Decision decision_from(std::string_view text) {
  const json::object object = parse(text);
  Decision decision;
  decision.approve = object.at("approve").as_bool();
  const auto scope = parse_scope(text_of(object, "scope"));
  const auto match = parse_match(text_of(object, "match"));
  if (!scope || !match) throw std::runtime_error("there is no such scope or match");
  decision.scope = *scope;
  decision.match = *match;
  if (const json::value* ttl = object.if_contains("ttl")) decision.ttl = std::chrono::seconds(ttl->as_int64());
  decision.uses = count_of(object, "uses");
  decision.upload = count_of(object, "upload");
  decision.note = text_of(object, "note");
  return decision;
}

std::string stored(const Actor& actor) {
  json::object object;
  put(object, "name", actor.name);
  put(object, "role", actor.role);
  put(object, "through", actor.through);
  put(object, "source", actor.source);
  return json::serialize(object);
}

Actor actor_from(std::string_view text) {
  const json::object object = parse(text);
  return {text_of(object, "name"), text_of(object, "role"), text_of(object, "through"), address_of(object, "source")};
}

}  // namespace sallyport
