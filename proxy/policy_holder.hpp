// The policy in force: an immutable snapshot that a reload replaces.
#pragma once
#include "policy/policy.hpp"

#include <memory>
#include <mutex>

namespace sallyport {

// Any thread.
class PolicyHolder {
 public:
  explicit PolicyHolder(std::shared_ptr<const Policy> first) : policy_(std::move(first)) {}

  std::shared_ptr<const Policy> current() const {
    const std::lock_guard lock(mutex_);
    return policy_;
  }
  void replace(std::shared_ptr<const Policy> next) {
    const std::lock_guard lock(mutex_);
    policy_.swap(next);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Policy> policy_;
};

}  // namespace sallyport
