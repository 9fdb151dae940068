#include "telemetry/ocsf_parts.hpp"

#include <algorithm>

namespace sallyport {
namespace {

// A host that a HostName could not be: the address forms.
bool is_address(std::string_view host) {
  if (host.find(':') != std::string_view::npos) return true;
  return !host.empty() && host.find_first_not_of("0123456789.") == std::string_view::npos;
}

void put_destination(JsonText& json, const Origin& origin, const std::optional<Address>& peer) {
  const bool bare = is_address(origin.host);
  if (origin.host.empty() && !peer) return;
  json.begin("dst_endpoint");
  if (!bare) json.some("hostname", origin.host, 512);
  if (peer) {
    json.word("ip", peer->text());
  } else if (bare) {
    json.text("ip", origin.host, 64);
  }
  if (origin.port != 0) json.number("port", origin.port);
  json.end();
}

void put_process(JsonText& json, const ProcessInfo& process) {
  json.begin("actor").begin("process").number("pid", process.pid).some("name", process.name, 256);
  json.some("cmd_line", process.cmd_line, 1024);
  if (!process.path.empty()) {
    const auto slash = process.path.rfind('/');
    const std::string_view name = std::string_view(process.path).substr(slash == std::string::npos ? 0 : slash + 1);
    json.begin("file").text("name", name.empty() ? std::string_view("unknown") : name, 256).number("type_id", 1);
    json.text("path", process.path, 1024).end();
  }
  if (!process.parents.empty()) {
    json.begin_list("ancestry");
    for (const auto& parent : process.parents)
      json.begin().number("pid", parent.pid).some("name", parent.name, 256).end();
    json.end_list();
  }
  json.end().end();
}

void put_context(JsonText& json, const AgentContext& context) {
  json.begin("context").some("session", context.session, 256).some("tool_call", context.tool_call, 256);
  json.some("tool", context.tool, 256).some("reason", context.reason, 1024);
  json.some("traceparent", context.traceparent, 128).end();
}

}  // namespace

std::int64_t milliseconds(WallClock::time_point time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

void put_class(JsonText& json, const ClassPart& part) {
  json.begin().number("class_uid", part.class_uid).number("activity_id", part.activity);
  json.number("type_uid", part.class_uid * 100 + part.activity).number("category_uid", part.class_uid / 1000);
  json.number("time", milliseconds(part.time)).number("severity_id", part.severity).number("status_id", part.status);
}

void put_metadata(JsonText& json, Profiles profiles, std::string_view correlation, std::uint64_t sequence,
                  std::string_view prev) {
  begin_metadata(json, sequence, prev);
  end_metadata(json, profiles, correlation);
}

void begin_metadata(JsonText& json, std::uint64_t sequence, std::string_view prev) {
  // Unique without a clock or dice: the chain makes (prev, sequence) unique.
  const std::string uid = std::string(prev.substr(0, 16)) + "-" + std::to_string(sequence);
  json.begin("metadata").word("uid", uid).count("sequence", sequence);
}

void end_metadata(JsonText& json, Profiles profiles, std::string_view correlation) {
  json.some("correlation_uid", correlation, 128);
  put_product(json, "product");
  json.word("version", "1.8.0").begin_list("profiles").item("security_control");
  if (profiles != Profiles::control) json.item("network_proxy");
  if (profiles == Profiles::proxied_on_host) json.item("host");
  json.end_list().end();
}

void put_product(JsonText& json, std::string_view key) {
  json.begin(key).word("name", "Sallyport").word("vendor_name", "Sallyport").word("version", SALLYPORT_VERSION).end();
}

void put_policy(JsonText& json, std::string_view uid) {
  if (!uid.empty()) json.begin("policy").text("uid", uid, 128).end();
}

void put_origin(JsonText& json, const Origin& origin, const std::optional<Address>& peer) {
  put_policy(json, origin.policy_uid);
  if (origin.process) put_process(json, *origin.process);
  begin_source(json, origin);
  if (origin.source && origin.source_port != 0) json.number("port", origin.source_port);
  end_source(json, origin);
  put_target(json, origin, peer);
}

void begin_source(JsonText& json, const Origin& origin) {
  json.begin("src_endpoint");
  if (origin.source) json.word("ip", origin.source->text());
}

void end_source(JsonText& json, const Origin& origin) {
  json.text("name", origin.agent.empty() ? std::string_view("unknown") : std::string_view(origin.agent), 256).end();
}

void put_target(JsonText& json, const Origin& origin, const std::optional<Address>& peer) {
  put_destination(json, origin, peer);
  if (!origin.verdict || origin.verdict->rule.empty()) return;
  const Verdict& verdict = *origin.verdict;
  json.begin("firewall_rule").text("name", verdict.rule, 512).some("uid", verdict.rule_id, 256);
  json.some("desc", verdict.reason, 1024).end();
}

Control control_of(const Origin& origin, bool held) {
  if (!origin.verdict || origin.verdict->action != Action::allow) return blocked;
  return held ? approved : allowed;
}

void put_control(JsonText& json, const Control& control) {
  json.number("action_id", control.action).number("disposition_id", control.disposition);
}

void put_unmapped(JsonText& json, const Origin& origin) {
  json.text("agent", origin.agent, 256).word("door", word_of(origin.door));
  if (origin.verdict) {
    const Verdict& verdict = *origin.verdict;
    json.word("verdict", word_of(verdict.action)).word("decided_by", word_of(verdict.decided_by));
    json.some("rule", verdict.rule, 512).some("reason", verdict.reason, 1024);
  }
  if (origin.name_from) json.word("name_from", word_of(*origin.name_from));
  json.some("approval", origin.approval, 128);
  if (origin.context) put_context(json, *origin.context);
}

void put_end(JsonText& json, std::string_view prev) {
  json.word("prev", prev).end().end().end();
}

}  // namespace sallyport
