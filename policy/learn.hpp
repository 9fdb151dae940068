// The smallest sensible policy that would let through what a log shows was wanted. Pure: `sallyport policy learn` reads
// the log and writes the file.
#pragma once
#include "policy/recorded_attempt.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace sallyport {

// Learns what was allowed, held or asked about; never a destination that a deny, the guard or a person ever refused to
// the same agent, nor a special address that was not reached already, nor a name that was never found, nor Sallyport's
// own, which needs no rule. A log is text of others: only valid agent names
// and hosts get into the policy, always quoted.
class Learner {
 public:
  void add(const RecordedAttempt& attempt);
  // A person said no to this.
  void refuse(const std::string& agent, const Host& host, std::uint16_t port);

  // It was let through, and no address was found for its name.
  void look_up_failed(const std::string& agent, const Host& host, std::uint16_t port);

  // policy.yaml, with comments that say how often and by what. Policy::parse() accepts it.
  std::string policy() const;

  // Destinations in the policy, and left out.
  std::size_t learned() const;
  std::size_t left_out() const;

 private:
  struct Use {
    std::uint64_t reached = 0, asked = 0, unknown = 0;  // unknown: of those reached, the look-up failed
    WallClock::time_point last;
    std::set<std::string> programs;
  };
  using Key = std::pair<Host, std::uint16_t>;
  struct Agent {
    std::map<Key, Use> uses;
    std::map<Key, std::uint64_t> refused;
    std::set<std::string> sources;
    std::uint64_t beyond = 0;  // attempts at more destinations than are learned for one agent
  };
  struct Page;
  static bool is_wanted(const Agent& agent, const Key& key, const Use& use);

  std::map<std::string, Agent> agents_;
  std::uint64_t beyond_ = 0;  // attempts of more agents than are learned
};

}  // namespace sallyport
