// The thread whose connect() is done for it.
#pragma once
#include "proxy/sandbox/sandbox.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sallyport {

// Held by descriptors, so that what is asked later is asked of the same thread; but whether that was the one that calls
// is known only where it is still waiting afterwards. All needs CAP_SYS_PTRACE over it. Errors are in errno.
class Caller {
 public:
  // `proc`: the folder of all processes, which outlives this object.
  Caller(int proc, pid_t thread);

  // A copy of one of its descriptors.
  OwnedFd take(int number) const;
  // What is in its memory. nullopt: not all of it can be read.
  std::optional<std::vector<char>> read(std::uint64_t at, std::size_t size) const;
  // What a path of it leads to, links followed, held by O_PATH. The calling thread has a root and a working directory
  // of its own (CLONE_FS), and CAP_SYS_CHROOT: the one is back afterwards, the other anywhere.
  OwnedFd find(const std::string& path) const;
  // It has got a signal that it means to handle.
  bool is_interrupted() const;

 private:
  int proc_;
  pid_t thread_;
  OwnedFd held_, folder_;  // the thread, and /proc of it
};

}  // namespace sallyport
