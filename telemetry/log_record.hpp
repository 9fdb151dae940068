// A line of the log as facts again, for those who read it: query, timeline, report, learn, replay. Everything in it is
// as trustworthy as the file it was read from, and text of agents is in it as they sent it: show it through
// safe_text.hpp only.
#pragma once
#include "telemetry/event.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

enum class RecordKind {
  open,
  close,
  reset,
  fail,
  refuse,
  traffic,
  hold,
  request,    // HTTP Activity 4002
  lookup,     // DNS Activity 4003
  lifecycle,  // 6002: `event` says which
  policy,     // 6003: a policy was offered
  api,        // 6003: someone did something: `operation`
  other,      // of Sallyport, and of a kind that is not known here
};

struct LogRecord {
  std::uint64_t sequence = 0;
  WallClock::time_point time;
  RecordKind kind = RecordKind::other;
  std::string correlation, policy_uid, detail;

  // Of an agent's traffic, and of what was done about it.
  std::string agent, source;
  std::string host;  // a name or an address, of the destination or the question; empty: not known
  std::uint16_t port = 0;
  std::string door;
  std::optional<Action> verdict;
  std::string decided_by, rule, reason, approval, closed_by, program;
  Traffic traffic;
  std::optional<std::chrono::milliseconds> duration, held;
  std::uint64_t count = 1;
  bool tls = false, ech = false;

  // Of a request.
  std::string method, scheme, path;
  int status = 0;
  // Of a question.
  std::string type, rcode;
  std::vector<std::string> answers;  // at most 8

  // Of Sallyport and of people.
  std::string event, operation, actor, role, grant, scope, match, note, old_policy, new_policy;
  std::uint64_t lost = 0, begins = 0;
  bool success = true;

  // "allow", "ask" or "deny": the recorded verdict, and "deny" for a refusal that has none; empty where there is none.
  const char* verdict_word() const;
};

struct ReadLine {
  std::optional<LogRecord> record;  // absent: no record of ours
  bool json = false;                // it is JSON, so it is another program's rather than torn
};

// Never throws, whatever the bytes are.
ReadLine read_log_record(std::string_view text);

const char* word_of(RecordKind kind);

}  // namespace sallyport
