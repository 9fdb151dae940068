// One process, as /proc tells of it.
#pragma once
#include "net/descriptor.hpp"
#include "net/task.hpp"
#include "policy/program.hpp"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sallyport {

// Holds on to one process: once it has ended everything fails, whoever gets its number afterwards.
// Another user's process tells its secrets (descriptors, executable, namespaces) only to CAP_SYS_PTRACE.
class Process {
 public:
  explicit Process(pid_t pid);

  pid_t pid() const { return pid_; }
  explicit operator bool() const { return static_cast<bool>(folder_); }

  struct Stat {
    std::string name;
    pid_t parent = 0;
    std::uint64_t started = 0;  // ticks since boot
  };
  std::optional<Stat> stat() const;
  std::vector<pid_t> children() const;
  // The kernel's number of its network namespace.
  std::optional<FileIdentity> network() const;
  enum class Holds { no, yes, unknown };
  // `no` also where it has ended or may not be looked at, as ssh-agent may not; `unknown`: the time is over.
  Holds holds_socket(std::uint64_t inode, Clock::time_point until) const;

  std::optional<FileIdentity> executable() const;
  std::string executable_path() const;
  // With spaces between the arguments; at most 4 KiB of it.
  std::string command_line() const;

 private:
  std::string read(const char* name, std::size_t most) const;

  pid_t pid_;
  Descriptor folder_;
};

// Every process there is.
std::vector<pid_t> all_processes();

}  // namespace sallyport
