// Which grant answers a question: the doors ask for every connection.
#pragma once
#include "approvals/records.hpp"

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sallyport {

class GrantIndex {
 public:
  void add(GrantRecord& grant);
  void remove(GrantRecord& grant);

  // A denial before an approval, then the narrowest: the host itself before a name above it, the agent's own before
  // everyone's, an unbounded one before one that is counted. nullptr: none offers an answer.
  GrantRecord* find(const Question& question, WallClock::time_point now) const;
  // Whether an approval offers any port of this name to the agent.
  bool opens(const std::string& agent, const HostName& name, WallClock::time_point now) const;
  // Whether it would answer this question, were it in force.
  static bool covers(const Grant& grant, const Question& question);

  std::size_t size() const { return size_; }

 private:
  using Map = std::unordered_map<std::string, std::vector<GrantRecord*>>;
  Map answers_;  // by everything a question has; the agent is empty for everyone's
  Map opens_;    // by agent and host
  std::size_t size_ = 0;
};

}  // namespace sallyport
