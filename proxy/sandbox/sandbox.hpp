// A command in namespaces of its own, whose network has no way out but the sockets that are handed to us.
#pragma once
#include "policy/result.hpp"

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

namespace sallyport {

// All paths are absolute and, but for what they name themselves, without links.
struct SandboxPlan {
  std::vector<std::string> command;                        // at least the program, looked for in PATH
  std::vector<std::string> environment;                    // NAME=VALUE
  std::string directory;                                   // where the command starts
  std::vector<std::string> hidden;                         // folders that are empty inside, and files
  std::vector<std::string> read_only;                      // files that can't be changed, nor moved away, inside
  std::vector<std::string> links;                          // symbolic ones that can't be turned
  std::vector<std::string> shared;                         // what stays visible although it would be hidden
  std::vector<std::pair<std::string, std::string>> files;  // of its own: the name in own_files, and what is in it
  bool terminal = false;  // it gets one of its own; without, it has none, whatever ours are
};

// Where SandboxPlan::files are, inside.
inline constexpr const char* own_files = "/dev/shm/.sallyport";

// A descriptor that closes itself.
class OwnedFd {
 public:
  explicit OwnedFd(int fd = -1) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(other.take()) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept;
  ~OwnedFd();
  int get() const { return fd_; }
  int take() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// Made inside, owned here. Of each, one is for IPv4 and, where the kernel has it, one for IPv6.
struct SandboxSockets {
  std::vector<OwnedFd> transparent;              // listening: every TCP connection but to lo and port 53
  std::vector<std::pair<OwnedFd, OwnedFd>> dns;  // UDP and listening TCP on port 53 of whatever address
  OwnedFd diagnosis;                             // NETLINK_SOCK_DIAG of this network: whose a connection is
};

// The command's own terminal, where the plan says so. Every standard descriptor of ours that is a terminal is this one
// inside; the others are as ours.
struct SandboxTerminal {
  OwnedFd master;
  // Datagrams of one byte, see below.
  OwnedFd jobs;
};
// Where standard input or output is no terminal the command begins in the background of its own, as what stands in a
// pipeline seldom reads keys, and others there may: job_wants tells that it does.
inline constexpr char job_stopped = 'z', job_wants = 'w';                              // from the sandbox
inline constexpr char job_continue = 'c', job_to_foreground = 'f', job_to_stop = 's';  // to it; the first two continue

// The command and its first process, which is process 1 in there. When that ends, or this process does, however, all
// in there are killed.
class Sandbox {
 public:
  // To be called before the first thread, as an unprivileged user. On return everything is ready but the command,
  // which waits for release().
  static Outcome<Sandbox> start(const SandboxPlan& plan);

  Sandbox(Sandbox&& other) noexcept
      : sockets(std::move(other.sockets)),
        terminal(std::move(other.terminal)),
        channel_(std::move(other.channel_)),
        pid_(std::exchange(other.pid_, -1)) {}
  Sandbox& operator=(Sandbox&&) = delete;
  // Kills what is still in there.
  ~Sandbox();

  Outcome<void> release();
  // Hands a signal to the command, or, as a terminal does, to all of its group. No signal of our terminal reaches it
  // otherwise: it has a session of its own.
  enum class To { command, group };
  void forward(int signal, To whom = To::command);
  // Becomes readable when the command has ended.
  int fd() const { return channel_.get(); }
  // As the host counts; all in there descend from it.
  pid_t first_process() const { return pid_; }
  // Waits for the end: the command's exit status, or 128 and the signal's number.
  int wait();

  SandboxSockets sockets;
  SandboxTerminal terminal;

 private:
  Sandbox(OwnedFd channel, pid_t pid) : channel_(std::move(channel)), pid_(pid) {}
  OwnedFd channel_;
  pid_t pid_;
};

}  // namespace sallyport
