// What waits to be sent to one receiver: bounded, worked on by a few coroutines at most.
#pragma once
#include "approvals/notify/errands.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>

namespace sallyport {

// On the errands' thread only.
template <class Job>
class Backlog {
 public:
  struct Limits {
    std::size_t waiting = 1000;  // of more, the oldest goes
    std::size_t lanes = 4;       // worked on at one time
  };

  // `work` is a coroutine's start; what it uses outlives the errands.
  Backlog(Errands& errands, Limits limits, std::function<Task<>(Job)> work)
      : errands_(errands), limits_(limits), work_(std::move(work)) {}

  // How many were dropped because of it: 0 or 1.
  std::size_t add(Job job) {
    const bool full = waiting_.size() >= limits_.waiting;
    if (full) waiting_.pop_front();
    waiting_.push_back(std::move(job));
    if (lanes_ < limits_.lanes) errands_.spawn(lane());
    return full ? 1 : 0;
  }

 private:
  struct Lane {
    explicit Lane(std::size_t& count) : count_(++count) {}
    ~Lane() { --count_; }
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;
    std::size_t& count_;
  };

  Task<> lane() {
    const Lane counted(lanes_);
    while (!waiting_.empty()) {
      Job job = std::move(waiting_.front());
      waiting_.pop_front();
      auto work = work_(std::move(job));
      co_await std::move(work);
    }
  }

  Errands& errands_;
  const Limits limits_;
  const std::function<Task<>(Job)> work_;
  std::deque<Job> waiting_;
  std::size_t lanes_ = 0;
};

}  // namespace sallyport
