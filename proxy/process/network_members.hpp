// Who is in which network namespace, for searches that must not look through the whole host each time.
#pragma once
#include "net/task.hpp"
#include "policy/program.hpp"

#include <sys/types.h>

#include <map>
#include <utility>
#include <vector>

namespace sallyport {

class NetworkMembers {
 public:
  // Looks at every process of the host once: some microseconds each.
  void look();
  // How old the last look is.
  Clock::duration age() const { return Clock::now() - looked_; }
  // How long it took.
  Clock::duration cost() const { return cost_; }
  // As it was then.
  std::vector<pid_t> of(const FileIdentity& network) const;

 private:
  using Key = std::pair<std::uint64_t, std::uint64_t>;
  std::map<Key, std::vector<pid_t>> members_;
  Clock::time_point looked_{};
  Clock::duration cost_{};
};

}  // namespace sallyport
