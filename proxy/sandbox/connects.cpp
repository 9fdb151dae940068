#include "proxy/sandbox/connects.hpp"

#include "proxy/sandbox/unix_address.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sched.h>
#include <stdexcept>
#include <unistd.h>

namespace sallyport {
namespace {

// The kernel tells of a socket's network only to who has CAP_NET_ADMIN in it: this process has that in the sandbox's,
// and in those that are made inside.
bool is_of_this_sandbox(int socket) {
  const OwnedFd network(::ioctl(socket, SIOCGSKNS));
  return network.get() >= 0;
}

// What this thread holds as `place`, below its working directory.
sockaddr_un address_of(const OwnedFd& place) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  const std::string name = std::to_string(place.get());
  name.copy(to.sun_path, sizeof to.sun_path - 1);
  return to;
}

// A datagram socket reaches none of what connections are made to, but is told whether anything is there.
bool is_dead(const sockaddr_un& to) {
  const OwnedFd question(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return question.get() >= 0 && ::connect(question.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 &&
         errno == ECONNREFUSED;
}

}  // namespace

ConnectRules::ConnectRules(const std::vector<std::string>& shared)
    : proc(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
      own_descriptors(::open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC)),
      shared_mounts(shared),
      listeners(proc.get()) {
  if (proc.get() < 0 || own_descriptors.get() < 0) throw std::runtime_error("/proc can't be opened");
}

Connects::Connects(ConnectRules& rules, int listener) : rules_(rules), notifications_(listener) {
  if (::unshare(CLONE_FS) != 0) throw std::runtime_error("a thread can't have a root of its own");
}

bool Connects::wait() {
  const auto call = notifications_.next();
  if (call) call_ = *call;
  return call.has_value();
}

void Connects::serve() {
  notifications_.answer(call_.id, result_of(call_));
}

int Connects::result_of(const seccomp_notif& call) {
  const Caller caller(rules_.proc.get(), static_cast<pid_t>(call.pid));
  // Numbers are of 32 bits to the kernel.
  const OwnedFd socket = caller.take(static_cast<int>(call.data.args[0]));
  if (socket.get() < 0) return errno == EBADF ? -EBADF : -EACCES;
  const auto size = static_cast<int>(call.data.args[2]);
  if (size < 0 || static_cast<std::size_t>(size) > sizeof(sockaddr_storage)) return -EINVAL;
  const auto bytes = caller.read(call.data.args[1], static_cast<std::size_t>(size));
  if (!notifications_.is_waiting(call.id)) return -EINTR;
  if (!bytes) return -EFAULT;
  int family = 0;
  socklen_t family_size = sizeof family;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_DOMAIN, &family, &family_size) != 0) return -errno;
  if (!is_of_this_sandbox(socket.get())) return -EACCES;
  if (const auto path = pathname_of(*bytes); path && family == AF_UNIX) {
    return connect_to_path(socket.get(), *path, caller);
  }
  sockaddr_storage to{};
  std::copy(bytes->begin(), bytes->end(), reinterpret_cast<char*>(&to));
  return connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), static_cast<socklen_t>(size), caller);
}

int Connects::connect_to_path(int socket, const std::string& path, const Caller& caller) {
  const OwnedFd place = caller.find(path);
  if (place.get() < 0) return -errno;
  struct stat found {};
  if (::fstat(place.get(), &found) != 0 || ::fchdir(rules_.own_descriptors.get()) != 0) return -EACCES;
  const sockaddr_un to = address_of(place);
  if (S_ISSOCK(found.st_mode) && !may_be_reached(place, found)) return is_dead(to) ? -ECONNREFUSED : -EACCES;
  return connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to, caller);
}

bool Connects::may_be_reached(const OwnedFd& place, const struct stat& found) const {
  return rules_.shared_mounts.hold(place) || rules_.listeners.has(found);
}

int Connects::connect(int socket, const sockaddr* to, socklen_t size, const Caller& caller) {
  return patient_.connect(socket, to, size,
                          [this, &caller] { return notifications_.is_waiting(call_.id) && !caller.is_interrupted(); });
}

}  // namespace sallyport
