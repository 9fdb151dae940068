// What all of an agent's HTTP/2 streams together may have in windows beyond their first ones.
#pragma once
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace sallyport {

// Any thread.
class WindowBudget {
 public:
  explicit WindowBudget(std::size_t bytes) : left_(bytes) {}

  // All of it or nothing.
  bool take(std::size_t bytes) {
    std::size_t left = left_.load(std::memory_order_relaxed);
    do {
      if (left < bytes) return false;
    } while (!left_.compare_exchange_weak(left, left - bytes, std::memory_order_relaxed));
    return true;
  }
  void give_back(std::size_t bytes) { left_.fetch_add(bytes, std::memory_order_relaxed); }
  std::size_t left() const { return left_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::size_t> left_;
};

// What one stream has of it; given back when it dies. Without a budget there is no bound.
class WindowLoan {
 public:
  explicit WindowLoan(std::shared_ptr<WindowBudget> budget) : budget_(std::move(budget)) {}
  ~WindowLoan() {
    if (budget_) budget_->give_back(taken_);
  }
  WindowLoan(const WindowLoan&) = delete;
  WindowLoan& operator=(const WindowLoan&) = delete;

  bool take(std::size_t bytes) {
    if (budget_ && !budget_->take(bytes)) return false;
    taken_ += bytes;
    return true;
  }
  std::size_t taken() const { return taken_; }

 private:
  const std::shared_ptr<WindowBudget> budget_;
  std::size_t taken_ = 0;
};

}  // namespace sallyport
