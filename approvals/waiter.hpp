// One who waits on an approval, told once at most.
#pragma once
#include "approvals/approvals.hpp"

#include <list>
#include <memory>
#include <mutex>

namespace sallyport {

struct ApprovalRecord;

class Waiter {
 public:
  explicit Waiter(std::function<void(std::optional<Answer>)> answered) : answered_(std::move(answered)) {}

  // False: it had left before.
  bool tell(std::optional<Answer> answer) {
    const std::lock_guard lock(telling_);
    if (gone_) return false;
    gone_ = true;
    const auto answered = std::move(answered_);
    answered(std::move(answer));
    return true;
  }
  // Waits for a call that is under way on another thread: after this none comes.
  void leave() {
    const std::lock_guard lock(telling_);
    gone_ = true;
  }

  // Its place in the queue, under the state's mutex.
  std::shared_ptr<ApprovalRecord> queue;
  std::list<std::shared_ptr<Waiter>>::iterator place;

 private:
  // Recursive, since the one who is told may drop the ticket in the same call.
  std::recursive_mutex telling_;
  bool gone_ = false;
  std::function<void(std::optional<Answer>)> answered_;
};

using Waiters = std::list<std::shared_ptr<Waiter>>;

}  // namespace sallyport
