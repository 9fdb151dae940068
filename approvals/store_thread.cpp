#include "approvals/store_thread.hpp"

#include <algorithm>
#include <utility>

namespace sallyport {
namespace {

constexpr auto gather = std::chrono::seconds(1);
constexpr auto retry_after = std::chrono::milliseconds(200);

}  // namespace

StoreThread::StoreThread(std::unique_ptr<Store> store, Book book) : store_(std::move(store)), book_(std::move(book)) {
  // After all members that the thread reads.
  thread_ = std::thread([this] { run(); });
}

void StoreThread::submit(Changes changes, std::function<void(bool)> done) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      jobs_.push_back({std::move(changes), std::move(done)});
      wake_.notify_one();
      return;
    }
  }
  done(false);
}

void StoreThread::wake(Urgency urgency) {
  const auto by = urgency == Urgency::now ? Clock::now() : Clock::now() + gather;
  const std::lock_guard lock(mutex_);
  if (due_ && *due_ <= by) return;
  due_ = by;
  wake_.notify_one();
}

void StoreThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void StoreThread::run() {
  bool last = false;
  while (!last) {
    std::vector<Job> jobs;
    {
      std::unique_lock lock(mutex_);
      const auto ready = [this] { return stopping_ || !jobs_.empty() || (due_ && *due_ <= Clock::now()); };
      while (!ready()) {
        if (due_) {
          wake_.wait_until(lock, *due_);
        } else {
          wake_.wait(lock);
        }
      }
      jobs.swap(jobs_);
      due_.reset();
      last = stopping_;
    }
    const bool good = write(jobs);
    healthy_ = good;
    for (Job& job : jobs) job.done(good);
    if (good) continue;
    const std::lock_guard lock(mutex_);
    due_ = Clock::now() + retry_after;
  }
}

bool StoreThread::write(const std::vector<Job>& jobs) {
  const Changes changed = book_.changed();
  std::vector<const Changes*> all;
  if (!changed.empty()) all.push_back(&changed);
  for (const Job& job : jobs) {
    if (!job.changes.empty()) all.push_back(&job.changes);
  }
  // With nothing to write, only a disk that refused needs to be asked.
  const bool good = all.empty() ? healthy_ || store_->probe() : store_->write(all);
  if (!good) book_.keep(changed);
  return good;
}

}  // namespace sallyport
