// The one thread that writes the store: whatever waits goes into one transaction, and is told after its COMMIT.
#pragma once
#include "approvals/store.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace sallyport {

class StoreThread {
 public:
  struct Book {
    // What has changed in memory since the last call; runs on the thread, before each transaction.
    std::function<Changes()> changed;
    // Those changes did not reach the disk: they are given again next time.
    std::function<void(const Changes&)> keep;
  };
  enum class Urgency { now, soon };

  StoreThread(std::unique_ptr<Store> store, Book book);
  ~StoreThread() { stop(); }

  // `done` runs on the thread: true once these changes, and all that the book had changed before, are on disk. A
  // transaction is good or bad as a whole.
  void submit(Changes changes, std::function<void(bool)> done);
  // The book has changed. `soon`: within a second, together with what else comes.
  void wake(Urgency urgency);
  bool healthy() const { return healthy_; }
  bool is_this_thread() const { return std::this_thread::get_id() == thread_.get_id(); }
  // Writes what waits, if it can, and ends the thread. What is submitted later is told false at once.
  void stop();

 private:
  using Clock = std::chrono::steady_clock;
  struct Job {
    Changes changes;
    std::function<void(bool)> done;
  };

  void run();
  bool write(const std::vector<Job>& jobs);

  std::unique_ptr<Store> store_;
  Book book_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Job> jobs_;
  std::optional<Clock::time_point> due_;
  bool stopping_ = false;
  std::atomic<bool> healthy_{true};
  std::thread thread_;
};

}  // namespace sallyport
