#include "proxy/monitor/attach_monitor.hpp"

#include "proxy/monitor/attach_message.hpp"
#include "proxy/monitor/serve_attach.hpp"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <unistd.h>

namespace sallyport {
namespace {

constexpr timeval patience{10, 0};

Complaint has_ended() {
  return Complaint{"the attach monitor has ended or does not answer; restart the daemon"};
}

// Sends the order and waits for its answer.
Outcome<AttachAnswer> ask(int socket, const AttachOrder& order, DescriptorList& descriptors) {
  AttachAnswer answer;
  if (!send_message(socket, order) || !receive_message(socket, answer, descriptors)) {
    // A late answer must not be taken for the answer to a later question.
    ::shutdown(socket, SHUT_RDWR);
    return has_ended();
  }
  if (!answer.good) return Complaint{answer.complaint.text()};
  return answer;
}

Outcome<void> plain(const Outcome<AttachAnswer>& answer) {
  if (!answer) return answer.error();
  return {};
}

Outcome<AttachMonitor::Opened> sort(const AttachAnswer& answer, DescriptorList descriptors) {
  if (descriptors.size() < 4 || descriptors.size() % 3 != 1) return Complaint{"the attach monitor sent no sockets"};
  AttachMonitor::Opened opened;
  opened.door = answer.door;
  opened.identity = answer.identity;
  opened.link_watch = OwnedFd(descriptors.back()->release());
  for (std::size_t i = 0; i + 3 < descriptors.size(); i += 3) {
    opened.sockets.transparent.emplace_back(descriptors[i]->release());
    opened.sockets.dns.emplace_back(OwnedFd(descriptors[i + 1]->release()), OwnedFd(descriptors[i + 2]->release()));
  }
  return opened;
}

}  // namespace

Outcome<std::unique_ptr<AttachMonitor>> AttachMonitor::start(const std::string& user) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return Complaint{std::string("no socket for the attach monitor: ") + std::strerror(errno)};
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO})
    ::setsockopt(ends[0], SOL_SOCKET, option, &patience, sizeof patience);
  const pid_t child = ::fork();
  if (child < 0) {
    ::close(ends[0]);
    ::close(ends[1]);
    return Complaint{std::string("the attach monitor can't be forked: ") + std::strerror(errno)};
  }
  if (child == 0) {
    try {
      ::prctl(PR_SET_NAME, "sallyport-door", 0, 0, 0);
      serve_attach(ends[1], user);
    } catch (const std::exception&) {
      // Out of memory: the daemon sees the end of the socket.
    }
    ::_exit(1);
  }
  ::close(ends[1]);
  std::unique_ptr<AttachMonitor> monitor(new AttachMonitor(ends[0], child));
  AttachAnswer ready;
  DescriptorList none;
  if (!receive_message(ends[0], ready, none)) return Complaint{"the attach monitor does not start"};
  if (!ready.good) return Complaint{ready.complaint.text()};
  return monitor;
}

AttachMonitor::~AttachMonitor() {
  ::shutdown(socket_.get(), SHUT_RDWR);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Outcome<AttachMonitor::Opened> AttachMonitor::open(const NamespacePlace& place,
                                                   const std::optional<NamespaceIdentity>& known) {
  AttachOrder order;
  order.kind = AttachOrder::Kind::open;
  if (place.path.size() > order.path.bytes.size()) return Complaint{"the namespace's path is too long"};
  order.path.set(place.path);
  order.pid = place.pid;
  order.is_known = known.has_value();
  if (known) order.known = *known;
  const std::lock_guard lock(mutex_);
  DescriptorList descriptors;
  const auto answer = ask(socket_.get(), order, descriptors);
  if (!answer) return answer.error();
  return sort(*answer, std::move(descriptors));
}

Outcome<void> AttachMonitor::check(std::uint64_t door) {
  AttachOrder order;
  order.kind = AttachOrder::Kind::check;
  order.door = door;
  const std::lock_guard lock(mutex_);
  DescriptorList none;
  return plain(ask(socket_.get(), order, none));
}

std::optional<ProcessInfo> AttachMonitor::owner(std::uint64_t door, const ConnectionEnds& ends,
                                                Clock::time_point until) {
  AttachOrder order;
  order.kind = AttachOrder::Kind::owner;
  order.door = door;
  order.client = FlatEnd::of(ends.client, ends.client_port);
  order.server = FlatEnd::of(ends.server, ends.server_port);
  const std::unique_lock lock(mutex_, until);
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
  if (!lock || left <= 0) return std::nullopt;
  order.milliseconds = static_cast<std::uint32_t>(left);
  DescriptorList none;
  const auto answer = ask(socket_.get(), order, none);
  if (!answer || !answer->found) return std::nullopt;
  return answer->process.value();
}

void AttachMonitor::close(std::uint64_t door) {
  AttachOrder order;
  order.kind = AttachOrder::Kind::close;
  order.door = door;
  const std::lock_guard lock(mutex_);
  DescriptorList none;
  static_cast<void>(ask(socket_.get(), order, none));
}

Outcome<void> AttachMonitor::ping() {
  const std::lock_guard lock(mutex_);
  DescriptorList none;
  return plain(ask(socket_.get(), AttachOrder{}, none));
}

}  // namespace sallyport
