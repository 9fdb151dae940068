// The one process that keeps a capability: it applies and checks the gateway plan it was started with, nothing else.
#pragma once
#include "policy/result.hpp"
#include "proxy/gateway/rules.hpp"

#include <sys/types.h>

#include <string>

namespace sallyport {

class Gateway;

// The daemon's end of the monitor. The monitor is forked before privileges are dropped and ends when this end closes.
// It has CAP_NET_ADMIN and no other capability, no_new_privs, is not dumpable, has no descriptor but the socket,
// and takes three requests without arguments: there is no way to hand it rules.
class Monitor {
 public:
  // To be called as root before the first thread. `user`: whom the monitor becomes; empty: whoever it is now.
  static Outcome<Monitor> start(const GatewayPlan& plan, const std::string& user);

  Monitor(Monitor&& other) noexcept;
  Monitor& operator=(Monitor&&) = delete;
  // Closes the socket and waits for the monitor's end.
  ~Monitor();

  // Each waits for the answer, at most ten seconds; a monitor that is gone or silent is an error.
  // Milliseconds in practice, but a system call that blocks: not for a thread that serves connections.
  Outcome<void> ping();
  Outcome<void> apply();
  // No error while the plan's rules are exactly in force; else what is different.
  Outcome<void> check();

  // Becomes readable with end of file when the monitor has ended.
  int fd() const { return socket_; }
  pid_t pid() const { return pid_; }

 private:
  enum class Request : char;
  Monitor(int socket, pid_t pid) : socket_(socket), pid_(pid) {}
  Outcome<void> ask(Request request);
  static Outcome<void> answer(Gateway& gateway, Request request);
  [[noreturn]] static void serve(int socket, const GatewayPlan& plan, const std::string& user);

  int socket_;
  pid_t pid_;
};

}  // namespace sallyport
