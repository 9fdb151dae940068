#include "telemetry/record_text.hpp"

#include "telemetry/safe_text.hpp"

#include <algorithm>

namespace sallyport {
namespace {

constexpr std::size_t time_width = 20, sequence_width = 8, agent_width = 14, what_width = 17, destination_width = 34;

void put(std::string& line, std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  line += text;
  line += "  ";
}

std::string times(std::uint64_t count) {
  return count == 1 ? std::string() : ", " + std::to_string(count) + " times";
}

std::string why(const std::string& text) {
  return text.empty() ? std::string() : ": " + in_quotes(text);
}

std::string said_by(const LogRecord& record) {
  const std::string decider = decider_text(record);
  return decider.empty() ? std::string() : " by " + decider;
}

std::string bytes_of(const Traffic& traffic) {
  return bytes_text(traffic.in) + " in, " + bytes_text(traffic.out) + " out";
}

std::string agent_of(const LogRecord& record) {
  return record.agent.empty() ? std::string("someone unknown") : shown(record.agent, 64);
}

std::string program_of(const LogRecord& record) {
  return record.program.empty() ? std::string() : " (program " + shown(record.program, 64) + ")";
}

std::string held_text(const LogRecord& record) {
  return record.held ? " after waiting " + duration_text(*record.held) : std::string();
}

std::string ended(const LogRecord& record, const char* how) {
  std::string out = agent_of(record) + "'s connection to " + destination_text(record) + " " + how;
  if (!record.closed_by.empty()) out += " by " + shown(record.closed_by);
  if (record.duration) out += " after " + duration_text(*record.duration);
  return out + ": " + bytes_of(record.traffic) + why(record.detail);
}

std::string refusal(const LogRecord& record) {
  return agent_of(record) + program_of(record) + " was refused " + destination_text(record) + said_by(record) +
         held_text(record) + times(record.count) + why(record.detail.empty() ? record.reason : record.detail);
}

std::string request(const LogRecord& record) {
  std::string out = agent_of(record) + program_of(record);
  out += record.verdict && *record.verdict != Action::allow ? " was refused " : " asked ";
  out += shown(record.method, 32) + " of " + shown(record.scheme, 16) + "://" + destination_text(record);
  out += ", path " + in_quotes(record.path, 512) + said_by(record);
  if (record.status != 0) out += ", answered " + std::to_string(record.status);
  return out + why(record.detail);
}

std::string lookup(const LogRecord& record) {
  std::string out = agent_of(record) + " looked up " + shown(record.type, 16) + " of " + shown(record.host);
  out += ", answered " + shown(record.rcode, 16);
  for (const std::string& answer : record.answers) out += " " + shown(answer);
  return out + why(record.detail);
}

std::string lifecycle(const LogRecord& record) {
  std::string out = "Sallyport: " + shown(record.event, 32);
  if (!record.agent.empty()) out += " " + shown(record.agent, 64);
  if (record.lost != 0) out += ", " + std::to_string(record.lost) + " records lost";
  if (record.begins != 0) out += ", the log begins at sequence " + std::to_string(record.begins);
  return out + why(record.detail);
}

std::string policy_change(const LogRecord& record) {
  const auto uid = [](const std::string& text) {
    return text.empty() ? std::string("none") : shown(text.substr(0, 12));
  };
  std::string out = shown(record.actor, 64);
  out += record.success ? " put a policy in force: " : " offered a policy that was refused: ";
  return out + uid(record.old_policy) + " to " + uid(record.new_policy) + why(record.detail);
}

std::string deed(const LogRecord& record) {
  std::string out = shown(record.actor, 64);
  if (!record.role.empty()) out += " (" + shown(record.role, 16) + ")";
  out += record.success ? " did " : " tried ";
  out += shown(record.operation, 64);
  if (!record.agent.empty()) out += " for " + shown(record.agent, 64);
  if (!record.host.empty()) out += " to " + destination_text(record);
  if (!record.scope.empty()) out += ", scope " + shown(record.scope, 32);
  if (!record.match.empty()) out += ", match " + shown(record.match, 32);
  if (!record.approval.empty()) out += ", approval " + shown(record.approval, 64);
  if (!record.grant.empty()) out += ", grant " + shown(record.grant, 64);
  if (!record.note.empty()) out += ", note " + in_quotes(record.note);
  return out + why(record.detail);
}

}  // namespace

std::string what_text(const LogRecord& record) {
  switch (record.kind) {
    case RecordKind::request:
      return shown(record.method, 32);
    case RecordKind::lookup:
      return shown(record.type, 16) + "?";
    case RecordKind::lifecycle:
      return shown(record.event, 32);
    case RecordKind::api:
      return shown(record.operation, 64);
    default:
      return word_of(record.kind);
  }
}

std::string destination_text(const LogRecord& record) {
  if (record.host.empty()) return record.port == 0 ? "-" : "an unknown host, port " + std::to_string(record.port);
  const bool bare_v6 = record.host.find(':') != std::string::npos;
  std::string out = shown(record.host);
  if (record.port == 0) return out;
  if (bare_v6) out = "[" + out + "]";
  return out + ":" + std::to_string(record.port);
}

std::string decider_text(const LogRecord& record) {
  if (!record.rule.empty() && (record.decided_by.empty() || record.decided_by == "rule")) {
    return "rule " + shown(record.rule);
  }
  if (record.decided_by == "grant" && !record.approval.empty()) return "approval " + shown(record.approval, 64);
  return record.decided_by.empty() ? std::string() : shown(record.decided_by, 32);
}

std::string outcome_text(const LogRecord& record) {
  std::string out = record.verdict_word();
  if (record.kind >= RecordKind::lifecycle) out = shown(record.actor.empty() ? record.event : record.actor, 64);
  if (record.kind < RecordKind::lifecycle) out += said_by(record);
  out += times(record.count);
  if (record.kind == RecordKind::request) out += ", path " + in_quotes(record.path, 128);
  if (record.status != 0) out += ", answered " + std::to_string(record.status);
  if (record.kind == RecordKind::lookup) out += ", answered " + shown(record.rcode, 16);
  if (record.traffic.in != 0 || record.traffic.out != 0) out += ", " + bytes_of(record.traffic);
  if (!record.closed_by.empty()) out += ", ended by " + shown(record.closed_by, 16);
  return out + why(record.detail.empty() && record.kind == RecordKind::refuse ? record.reason : record.detail);
}

std::string sentence(const LogRecord& record) {
  switch (record.kind) {
    case RecordKind::open:
      return agent_of(record) + program_of(record) + " was let through to " + destination_text(record) +
             said_by(record) + held_text(record) + why(record.reason);
    case RecordKind::hold:
      return agent_of(record) + program_of(record) + " waits for an answer about " + destination_text(record) +
             (record.approval.empty() ? "" : ", approval " + shown(record.approval, 64)) + why(record.reason);
    case RecordKind::close:
      return ended(record, "was closed");
    case RecordKind::reset:
      return ended(record, "was cut");
    case RecordKind::fail:
      return ended(record, "failed");
    case RecordKind::traffic:
      return ended(record, "goes on");
    case RecordKind::refuse:
      return refusal(record);
    case RecordKind::request:
      return request(record);
    case RecordKind::lookup:
      return lookup(record);
    case RecordKind::lifecycle:
      return lifecycle(record);
    case RecordKind::policy:
      return policy_change(record);
    case RecordKind::api:
      return deed(record);
    case RecordKind::other:
      break;
  }
  return "a record of a kind that this version does not know";
}

std::string row_text(const LogRecord& record) {
  std::string line;
  put(line, time_text(record.time), time_width);
  put(line, std::to_string(record.sequence), sequence_width);
  put(line, shown(record.agent, 64), agent_width);
  put(line, what_text(record), what_width);
  put(line, destination_text(record), destination_width);
  return line + outcome_text(record);
}

std::string row_heading() {
  std::string line;
  put(line, "TIME", time_width);
  put(line, "SEQUENCE", sequence_width);
  put(line, "AGENT", agent_width);
  put(line, "WHAT", what_width);
  put(line, "DESTINATION", destination_width);
  return line + "OUTCOME";
}

}  // namespace sallyport
