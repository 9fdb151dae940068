#include "proxy/monitor/network_namespace.hpp"

#include "proxy/process/process.hpp"

#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>

namespace sallyport {
namespace {

#ifndef SO_NETNS_COOKIE
constexpr int SO_NETNS_COOKIE = 71;
#endif

Complaint system_complaint(const std::string& what) {
  return Complaint{what + ": " + std::strerror(errno)};
}

// O_PATH first: opening a device or a pipe could do something, looking at it does not.
Outcome<std::unique_ptr<Descriptor>> open_namespace_file(const std::string& path) {
  const Descriptor look(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!look) return system_complaint(path);
  struct statfs system {};
  if (::fstatfs(look.get(), &system) != 0) return system_complaint(path);
  if (system.f_type != NSFS_MAGIC) return Complaint{path + " is no network namespace"};
  const std::string again = "/proc/self/fd/" + std::to_string(look.get());
  auto file = std::make_unique<Descriptor>(::open(again.c_str(), O_RDONLY | O_CLOEXEC));
  if (!*file) return system_complaint(path);
  if (::ioctl(file->get(), NS_GET_NSTYPE) != CLONE_NEWNET) return Complaint{path + " is no network namespace"};
  return file;
}

bool has_ended(const Descriptor& process) {
  pollfd poll_for{process.get(), POLLIN, 0};
  return ::poll(&poll_for, 1, 0) != 0;
}

Outcome<OpenNamespace> of_process(pid_t pid) {
  const Complaint gone{"there is no process " + std::to_string(pid)};
  OpenNamespace open;
  open.process = std::make_unique<Descriptor>(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!*open.process) return gone;
  auto file = open_namespace_file("/proc/" + std::to_string(pid) + "/ns/net");
  const auto stat = Process(pid).stat();
  // Until here the number was the same process's.
  if (has_ended(*open.process)) return gone;
  if (!file) return file.error();
  if (!stat) return Complaint{"the process " + std::to_string(pid) + " can't be looked at"};
  open.file = std::move(*file);
  open.identity.began = stat->started;
  return open;
}

}  // namespace

Outcome<OpenNamespace> open_namespace(const NamespacePlace& place) {
  const bool by_process = place.path.empty();
  if (by_process && place.pid <= 0) return Complaint{"no namespace is named"};
  if (!by_process && (place.path.front() != '/' || place.path.find('\0') != std::string::npos))
    return Complaint{"a namespace's path begins with /"};
  OpenNamespace open;
  if (by_process) {
    auto found = of_process(place.pid);
    if (!found) return found.error();
    open = std::move(*found);
  } else {
    auto file = open_namespace_file(place.path);
    if (!file) return file.error();
    open.file = std::move(*file);
  }
  struct stat found {};
  if (::fstat(open.file->get(), &found) != 0) return system_complaint("the namespace");
  open.identity.device = found.st_dev;
  open.identity.inode = found.st_ino;
  if (!by_process)
    open.identity.began = static_cast<std::uint64_t>(found.st_ctim.tv_sec) * 1'000'000'000 +
                          static_cast<std::uint64_t>(found.st_ctim.tv_nsec);
  return open;
}

Outcome<std::unique_ptr<InsideNamespace>> InsideNamespace::enter(const Descriptor& file) {
  std::unique_ptr<InsideNamespace> inside(
      new InsideNamespace(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)));
  if (!inside->home_) return system_complaint("our own namespace can't be opened");
  if (::setns(file.get(), CLONE_NEWNET) != 0) return system_complaint("the namespace can't be entered");
  return inside;
}

InsideNamespace::~InsideNamespace() {
  if (home_ && ::setns(home_.get(), CLONE_NEWNET) != 0) std::terminate();
}

std::uint64_t own_cookie() {
  const Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (!socket || ::getsockopt(socket.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) != 0) return 0;
  return cookie;
}

Outcome<NamespaceIdentity> own_namespace() {
  struct stat found {};
  if (::stat("/proc/thread-self/ns/net", &found) != 0) return system_complaint("our own namespace");
  return NamespaceIdentity{found.st_dev, found.st_ino, own_cookie(), 0};
}

}  // namespace sallyport
