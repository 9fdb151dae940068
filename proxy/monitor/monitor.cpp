#include "proxy/monitor/monitor.hpp"

#include "proxy/gateway/apply.hpp"
#include "proxy/monitor/privileges.hpp"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <unistd.h>

namespace sallyport {

enum class Monitor::Request : char { ping = 'p', apply = 'a', check = 'c' };

namespace {

constexpr time_t patience_seconds = 10;
constexpr std::size_t largest_answer = 2048;

// An answer is '+' or '-', then the complaint.
void send_answer(int socket, const Outcome<void>& outcome) {
  const std::string text = outcome ? "+" : ("-" + outcome.error().text).substr(0, largest_answer);
  ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
}

Outcome<void> read_answer(int socket) {
  std::array<char, largest_answer> buffer{};
  ssize_t got = -1;
  do {
    got = ::recv(socket, buffer.data(), buffer.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    // A late answer must not be taken for the answer to a later question.
    ::shutdown(socket, SHUT_RDWR);
    return Complaint{"the monitor does not answer; restart the daemon"};
  }
  if (got < 0) return Complaint{std::string("the monitor can't be heard: ") + std::strerror(errno)};
  if (got == 0) return Complaint{"the monitor has ended; restart the daemon"};
  if (buffer[0] == '+') return {};
  return Complaint{std::string(buffer.data() + 1, static_cast<std::size_t>(got - 1))};
}

// A terminal's signals go to the whole group; the monitor must outlive the drain, and ends with the socket.
void ignore_signals() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2}) ::signal(signal, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// The socket becomes descriptor 3 and is alone; the standard ones stay for messages of libraries.
int keep_only(int socket) {
  if (socket != 3) {
    if (::dup2(socket, 3) != 3) ::_exit(1);
  }
  if (::close_range(4, ~0U, 0) != 0) ::_exit(1);
  return 3;
}

}  // namespace

Outcome<void> Monitor::answer(Gateway& gateway, Request request) {
  switch (request) {
    case Request::ping:
      return {};
    case Request::apply:
      return gateway.apply();
    case Request::check:
      return gateway.installed();
  }
  return Complaint{"the monitor knows no such request"};
}

void Monitor::serve(int socket, const GatewayPlan& plan, const std::string& user) {
  const auto reduced = keep_only_net_admin(user);
  send_answer(socket, reduced);
  if (!reduced) ::_exit(1);
  Gateway gateway(plan);
  while (true) {
    // One byte more than a request has, so that a longer one is seen as such.
    std::array<char, 2> request{};
    const ssize_t got = ::recv(socket, request.data(), request.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) ::_exit(0);
    send_answer(socket, answer(gateway, got == 1 ? Request{request[0]} : Request{}));
  }
}

Outcome<Monitor> Monitor::start(const GatewayPlan& plan, const std::string& user) {
  if (const auto checked = check_plan(plan); !checked) return checked.error();
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return Complaint{std::string("no socket for the monitor: ") + std::strerror(errno)};
  }
  const timeval patience{patience_seconds, 0};
  ::setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const pid_t child = ::fork();
  if (child < 0) {
    ::close(ends[0]);
    ::close(ends[1]);
    return Complaint{std::string("the monitor can't be forked: ") + std::strerror(errno)};
  }
  if (child == 0) {
    try {
      ignore_signals();
      ::prctl(PR_SET_NAME, "sallyport-guard", 0, 0, 0);
      serve(keep_only(ends[1]), plan, user);
    } catch (const std::exception&) {
      // Out of memory: the daemon sees the end of the socket and is not ready.
      ::_exit(1);
    }
  }
  ::close(ends[1]);
  Monitor monitor(ends[0], child);
  if (const auto ready = read_answer(ends[0]); !ready) return ready.error();
  return monitor;
}

Monitor::Monitor(Monitor&& other) noexcept : socket_(other.socket_), pid_(other.pid_) {
  other.socket_ = -1;
  other.pid_ = -1;
}

Monitor::~Monitor() {
  if (socket_ < 0) return;
  ::close(socket_);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Outcome<void> Monitor::ping() {
  return ask(Request::ping);
}

Outcome<void> Monitor::apply() {
  return ask(Request::apply);
}

Outcome<void> Monitor::check() {
  return ask(Request::check);
}

Outcome<void> Monitor::ask(Request request) {
  const char byte = static_cast<char>(request);
  if (::send(socket_, &byte, 1, MSG_NOSIGNAL) != 1) return Complaint{"the monitor has ended; restart the daemon"};
  return read_answer(socket_);
}

}  // namespace sallyport
