#include "console/shapes.hpp"

#include <boost/json/array.hpp>

#include <array>
#include <ctime>

namespace sallyport {
namespace {

// How many bytes the UTF-8 character at the front of `text` has; 0: it is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char first = byte(0);
  const std::size_t size = first < 0x80 ? 1 : first >> 5U == 6 ? 2 : first >> 4U == 14 ? 3 : first >> 3U == 30 ? 4 : 0;
  if (size == 0 || size > text.size()) return 0;
  unsigned point = size == 1 ? first : first & (0x7fU >> size);
  for (std::size_t at = 1; at < size; ++at) {
    if ((byte(at) & 0xc0U) != 0x80) return 0;
    point = point << 6U | (byte(at) & 0x3fU);
  }
  constexpr std::array<unsigned, 5> least{0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = point >= 0xd800 && point <= 0xdfff;
  return point < least[size] || point > 0x10ffff || surrogate ? 0 : size;
}

std::string valid_utf8(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  while (!text.empty()) {
    const std::size_t size = utf8_length(text);
    if (size == 0) {
      const auto byte = static_cast<unsigned char>(text.front());
      out += {'\\', 'x', digits[byte >> 4U], digits[byte & 15U]};
      text.remove_prefix(1);
    } else {
      out += text.substr(0, size);
      text.remove_prefix(size);
    }
  }
  return out;
}

// Moves a cut to the start of a character.
std::size_t boundary(std::string_view text, std::size_t at) {
  while (at > 0 && at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80) --at;
  return at;
}

boost::json::object process_json(const ProcessInfo& process) {
  return {{"pid", process.pid},
          {"name", agent_text(process.name, 256)},
          {"command", agent_text(process.cmd_line)},
          {"path", agent_text(process.path)}};
}

// Everything in here is the agent's word.
boost::json::object agent_says(const Approval& approval) {
  boost::json::object says;
  const auto put = [&](const char* key, const std::string& text) {
    if (!text.empty()) says[key] = agent_text(text);
  };
  put("reason", approval.first.access_reason);
  put("path", approval.first.request_path);
  if (const auto& context = approval.first.context) {
    put("session", context->session);
    put("tool_call", context->tool_call);
    put("tool", context->tool);
    put("working_on", context->reason);
    put("traceparent", context->traceparent);
  }
  return says;
}

void put_question(boost::json::object& object, const Question& question) {
  object["agent"] = agent_text(question.agent, 256);
  object["host"] = question.to.host.text();
  object["port"] = question.to.port;
  if (!question.method.empty()) object["method"] = agent_text(question.method, 64);
  if (!question.path.empty()) object["path"] = question.path;
}

}  // namespace

std::string agent_text(std::string_view text, std::size_t limit) {
  std::string valid = valid_utf8(text);
  if (valid.size() <= limit) return valid;
  const std::size_t head = boundary(valid, limit * 2 / 3);
  const std::size_t tail = boundary(valid, valid.size() - limit / 3);
  return valid.substr(0, head) + " … (" + std::to_string(tail - head) + " bytes left out) … " + valid.substr(tail);
}

std::string format_time(WallClock::time_point time) {
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const std::time_t seconds = since / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 40> text{};
  const auto size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  const std::string milliseconds = std::to_string(1000 + since % 1000);
  return std::string(text.data(), size) + '.' + milliseconds.substr(1) + 'Z';
}

std::string format_duration(std::chrono::seconds duration) {
  const auto seconds = duration.count();
  struct Unit {
    std::int64_t seconds;
    char name;
  };
  for (const Unit unit : {Unit{86400, 'd'}, Unit{3600, 'h'}, Unit{60, 'm'}}) {
    if (seconds >= unit.seconds && seconds % unit.seconds == 0)
      return std::to_string(seconds / unit.seconds) + unit.name;
  }
  return std::to_string(seconds) + 's';
}

boost::json::object to_json(const Actor& actor) {
  boost::json::object object{{"name", actor.name}, {"role", actor.role}, {"through", actor.through}};
  if (actor.source) object["source"] = actor.source->text();
  return object;
}

boost::json::object to_json(const Decision& decision) {
  boost::json::object object{{"decision", decision.approve ? "approve" : "deny"},
                             {"scope", word_of(decision.scope)},
                             {"match", word_of(decision.match)}};
  if (decision.ttl) object["ttl"] = format_duration(*decision.ttl);
  if (decision.uses) object["uses"] = *decision.uses;
  if (decision.upload) object["upload"] = *decision.upload;
  if (!decision.note.empty()) object["note"] = agent_text(decision.note);
  return object;
}

boost::json::object to_json(const Approval& approval) {
  const auto& first = approval.first;
  boost::json::object object{{"id", approval.id}};
  put_question(object, approval.question);
  object["protocol"] = first.protocol;
  object["domain"] = approval.domain;
  object["state"] = word_of(approval.state);
  object["waiting"] = approval.waiting;
  object["tries"] = approval.tries;
  object["first_seen"] = format_time(approval.first_seen);
  object["last_seen"] = format_time(approval.last_seen);
  object["rule"] = first.rule;
  object["reason"] = first.reason;
  object["door"] = word_of(first.door);
  if (first.source) object["source"] = first.source->text();
  if (first.process) object["process"] = process_json(*first.process);
  object["agent_says"] = agent_says(approval);
  object["policy_uid"] = first.policy_uid;
  if (approval.decision) {
    object["decision"] = to_json(*approval.decision);
    object["by"] = to_json(approval.by);
    object["decided"] = format_time(approval.decided);
    if (!approval.grant.empty()) object["grant"] = approval.grant;
  }
  return object;
}

boost::json::object to_json(const Grant& grant) {
  boost::json::object object{{"id", grant.id}, {"approval", grant.approval}};
  put_question(object, grant.question);
  for (const auto& [key, value] : to_json(grant.decision)) object[key] = value;
  object["by"] = to_json(grant.by);
  object["created"] = format_time(grant.created);
  object["expires"] = format_time(grant.expires);
  object["used"] = grant.used;
  if (grant.uses_left) object["uses_left"] = *grant.uses_left;
  if (grant.upload_left) object["upload_left"] = *grant.upload_left;
  if (grant.end != Grant::End::none) {
    object["end"] = word_of(grant.end);
    object["ended"] = format_time(grant.ended);
    object["ended_by"] = to_json(grant.ended_by);
  }
  return object;
}

boost::json::object to_json(const Approvals::Decided& decided) {
  boost::json::object object{{"approval", to_json(decided.approval)}, {"released", decided.released}};
  if (decided.grant) object["grant"] = to_json(*decided.grant);
  return object;
}

boost::json::object to_json(const LiveConnection& connection) {
  boost::json::object object{{"id", connection.id},
                             {"agent", agent_text(connection.agent, 256)},
                             {"host", agent_text(connection.host, 512)},
                             {"port", connection.port},
                             {"door", word_of(connection.door)},
                             {"state", connection.state == LiveConnection::State::held ? "held" : "open"},
                             {"since", format_time(connection.since)},
                             {"bytes_in", connection.traffic.in},
                             {"bytes_out", connection.traffic.out}};
  if (!connection.approval.empty()) object["approval"] = connection.approval;
  if (!connection.grant.empty()) object["grant"] = connection.grant;
  return object;
}

boost::json::object to_json(const AgentInfo& agent) {
  return {{"name", agent_text(agent.name, 256)},
          {"known_by", agent.known_by},
          {"detail", agent_text(agent.detail, 512)},
          {"connections", agent.connections},
          {"held", agent.held}};
}

boost::json::object to_json(const Verdict& verdict) {
  boost::json::object object{{"verdict", word_of(verdict.action)},
                             {"decided_by", word_of(verdict.decided_by)},
                             {"rule", verdict.rule},
                             {"reason", verdict.reason}};
  if (!verdict.rule_id.empty()) object["rule_id"] = verdict.rule_id;
  return object;
}

}  // namespace sallyport
