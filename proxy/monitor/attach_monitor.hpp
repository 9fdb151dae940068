// The process that opens namespaces for a daemon that has no privileges left.
#pragma once
#include "net/task.hpp"
#include "proxy/monitor/network_namespace.hpp"
#include "proxy/process/connection_ends.hpp"
#include "proxy/sandbox/sandbox.hpp"
#include "telemetry/event.hpp"

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace sallyport {

// The daemon's end of it. Forked before privileges are dropped, it ends when this end closes. It keeps:
//   CAP_SYS_ADMIN         to enter a network namespace, and there
//   CAP_NET_ADMIN         to bring up lo, set the routes and the rules that lead to our sockets, and
//   CAP_NET_BIND_SERVICE  to bind port 53;
//   CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH  to see in /proc whose a connection is.
// It becomes the daemon's user, has no_new_privs, is not dumpable, has no descriptor but the socket, and a filter takes
// from it the system calls by which those would be more (ptrace, mount, exec, opening by handle, other namespaces, …).
// It takes five requests, none of which is a rule, a command or a file's content: whoever takes over the daemon could
// have it open further namespaces that have no way out of their own, and ask for the programs in those; nothing else.
class AttachMonitor {
 public:
  // To be called as root before the first thread. `user`: whom it becomes; empty: whoever it is now.
  static Outcome<std::unique_ptr<AttachMonitor>> start(const std::string& user);
  ~AttachMonitor();
  AttachMonitor(const AttachMonitor&) = delete;
  AttachMonitor& operator=(const AttachMonitor&) = delete;

  struct Opened {
    std::uint64_t door = 0;
    NamespaceIdentity identity;
    SandboxSockets sockets;
    OwnedFd link_watch;  // see only_loopback.hpp
  };
  // Refused: the host's own namespace, one that is open already, one with an interface besides lo; with `known`, any
  // other than that one, before anything is changed in it.
  Outcome<Opened> open(const NamespacePlace& place, const std::optional<NamespaceIdentity>& known);
  // No error while the place still leads to that namespace.
  Outcome<void> check(std::uint64_t door);
  // Whose a connection through this door is; see find_owner().
  std::optional<ProcessInfo> owner(std::uint64_t door, const ConnectionEnds& ends, Clock::time_point until);
  // Forgets it. What was set in there stays, and leads to nobody.
  void close(std::uint64_t door);
  Outcome<void> ping();

  pid_t pid() const { return pid_; }

 private:
  AttachMonitor(int socket, pid_t pid) : socket_(socket), pid_(pid) {}

  std::timed_mutex mutex_;
  Descriptor socket_;
  pid_t pid_;
};

}  // namespace sallyport
