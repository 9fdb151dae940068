// A program that is run in a session and a process group of its own. No word of Asio.
#pragma once
#include "net/descriptor.hpp"

#include <boost/system/result.hpp>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace sallyport {

struct Spawn {
  // The program first; without a "/" in it, it is looked for in our PATH.
  std::vector<std::string> arguments;
  // Of the caller's, for its first three descriptors, which may be the same; it has no others. None: /dev/null.
  std::optional<int> input = std::nullopt, output = std::nullopt, errors = std::nullopt;
  std::optional<std::vector<std::string>> environment = std::nullopt;  // "NAME=value"; none: ours
  std::string folder = {};                                             // empty: ours
};

// Signals are unblocked and as they were at first, though we ignore SIGPIPE. Whatever of its group is left is killed,
// and it is reaped, at the latest when this dies.
class ChildProcess {
 public:
  static boost::system::result<ChildProcess> start(const Spawn& spawn);
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;

  // Readable when it has ended. Whoever wants it for longer than this takes it out.
  Descriptor& ended() { return ended_; }

  // Kills what is left of the group, and reaps it. Its status as waitpid() tells it; the same when asked again.
  int end();

 private:
  explicit ChildProcess(pid_t pid);

  pid_t pid_;
  int status_ = -1;
  Descriptor ended_;
};

}  // namespace sallyport
