#include "proxy/sandbox/inside_terminal.hpp"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace sallyport {
namespace {

Complaint trouble(const char* what) {
  return Complaint{what, ": ", std::strerror(errno)};
}

bool replace_terminals(int by) {
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::isatty(standard) == 1 && ::dup2(by, standard) < 0) return false;
  }
  return true;
}

}  // namespace

Outcome<SandboxTerminal> make_terminal(OwnedFd& jobs) {
  SandboxTerminal terminal;
  terminal.master = OwnedFd(::open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (terminal.master.get() < 0) return trouble("the command's terminal can't be made");
  const int unlocked = 0;
  if (::ioctl(terminal.master.get(), TIOCSPTLCK, &unlocked) != 0) return trouble("the command's terminal stays locked");
  const OwnedFd slave(::ioctl(terminal.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (slave.get() < 0) return trouble("the command's terminal can't be opened");
  // This process leads the session and has a group of its own: so the command's group is no orphan, and Ctrl-Z stops
  // it.
  if (::setsid() < 0 || ::ioctl(slave.get(), TIOCSCTTY, 0) != 0) return trouble("the command's terminal can't be its");
  if (!replace_terminals(slave.get())) return trouble("the command can't be given its terminal");
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return trouble("socketpair");
  jobs = OwnedFd(ends[0]);
  terminal.jobs = OwnedFd(ends[1]);
  return terminal;
}

bool begins_in_foreground() {
  return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
}

bool is_in_foreground(pid_t group) {
  const OwnedFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC));
  return ::tcgetpgrp(terminal.get()) == group;
}

void put_in_foreground(pid_t group) {
  // Who isn't there yet would be stopped.
  sigset_t background, before;
  ::sigemptyset(&background);
  ::sigaddset(&background, SIGTTOU);
  ::sigprocmask(SIG_BLOCK, &background, &before);
  const OwnedFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC));
  ::tcsetpgrp(terminal.get(), group);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

Outcome<void> forget_terminal() {
  if (::setsid() < 0) return trouble("the command can't have a session of its own");
  const OwnedFd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (nothing.get() < 0 || !replace_terminals(nothing.get())) return trouble("the terminal can't be kept out");
  return {};
}

}  // namespace sallyport
