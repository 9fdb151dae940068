// Runs a program of the operator's for what happens: the event is JSON on its standard input, and nowhere else.
#pragma once
#include "approvals/notify/backlog.hpp"
#include "approvals/notify/notice.hpp"

#include <memory>

namespace sallyport {

// On the errands' thread. At most four run at one time; one that takes too long is killed with its process group. What
// it prints is told to the operational log.
class Command {
 public:
  Command(Errands& errands, CommandOptions options);

  void tell(const std::shared_ptr<const Notice>& notice);

 private:
  Task<> run(std::shared_ptr<const Notice> notice);

  Errands& errands_;
  const CommandOptions options_;
  Backlog<std::shared_ptr<const Notice>> backlog_;
  std::uint64_t dropped_ = 0;
};

}  // namespace sallyport
