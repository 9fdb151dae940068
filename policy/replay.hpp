// What would another policy say to what was attempted? Pure: `sallyport policy replay` reads the log.
#pragma once
#include "policy/recorded_attempt.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>

namespace sallyport {

class Replay {
 public:
  // Attempts are put to the policy as if they were made at `now`. Programs are compared by their names, so the policy
  // is one that was loaded with identify_by_name.
  Replay(std::shared_ptr<const Policy> policy, WallClock::time_point now) : policy_(std::move(policy)), now_(now) {}

  // What the guard or a limit decided, no policy would have: such attempts are counted and left out.
  void add(const RecordedAttempt& attempt);

  // agent; "example.com:443", "GET http://example.com:80/path", "name example.com"; the old answer; the new one.
  using Key = std::tuple<std::string, std::string, Action, Action>;
  struct Difference {
    std::uint64_t count = 0;
    bool was_reached = false;  // at least once
    Verdict verdict;           // the new one, with its rule and reason
    WallClock::time_point last;
  };
  // At most 10,000.
  const std::map<Key, Difference>& differences() const { return differences_; }

  struct Counts {
    std::uint64_t attempts = 0, same = 0, different = 0;
    std::uint64_t now_refused = 0;  // of those different: reached then, and denied now
    std::uint64_t left_out = 0;
    std::uint64_t untold = 0;  // different, and beyond what `differences` tells apart
  };
  const Counts& counts() const { return counts_; }

 private:
  // A connection and its request may both be in the log: with the same answers then and now they are one attempt.
  using Told = std::tuple<std::string, RecordedAttempt::Kind, std::string, Action, Action>;
  bool is_told_by_other_record(const RecordedAttempt& attempt, Action before, Action after);
  Verdict ask(const RecordedAttempt& attempt, Spoken spoken) const;
  bool is_same(const RecordedAttempt& attempt, Action before, const Verdict& verdict) const;

  std::shared_ptr<const Policy> policy_;
  WallClock::time_point now_;
  std::map<Key, Difference> differences_;
  std::set<Told> told_;
  Counts counts_;
};

}  // namespace sallyport
