// Where whatever listens may be connected to.
#pragma once
#include "proxy/sandbox/sandbox.hpp"

#include <cstdint>
#include <set>

namespace sallyport {

// The mounts at some paths and below them, as they are when this is made. They are held: the kernel gives the number of
// one that is gone to the next, and that may be made by anybody in a namespace of their own.
class SharedMounts {
 public:
  explicit SharedMounts(const std::vector<std::string>& paths);
  // Whether `place` was come to by one of them.
  bool hold(const OwnedFd& place) const;

 private:
  std::vector<OwnedFd> held_;
  std::set<std::uint64_t> numbers_;
};

}  // namespace sallyport
