// What two policies say differently, found by asking both: every pattern, port, method and path that either names gets
// a witness. Pure: `sallyport policy diff` shows it.
#pragma once
#include "policy/policy.hpp"

#include <string>
#include <vector>

namespace sallyport {

struct PolicyChange {
  std::string agent;   // empty: every agent
  std::string target;  // a pattern of either policy, or "any other host"
  std::string ports;   // "443", "1-79, 81-65535", "every port"
  std::string how;     // "POST /repos/x", "ssh"; empty: however it is spoken
  Action before = Action::deny, after = Action::deny;
  std::string note;  // where both allow or ask: what else became different, as "private addresses too"
  bool widens = false;
};

struct PolicyDiff {
  std::vector<PolicyChange> changes;  // what widens first
  std::vector<std::string> notes;     // who may be which agent; what can't be compared
  std::vector<std::string> caveats;   // no difference by themselves: what was not compared
  bool none() const { return changes.empty() && notes.empty(); }
};

// Names inside `list: FILE`s are not compared one by one; a caveat says so.
PolicyDiff diff_policies(const Policy& before, const Policy& after, WallClock::time_point now);

}  // namespace sallyport
