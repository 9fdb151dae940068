#include "proxy/sandbox/caller.hpp"

#include "proxy/sandbox/proc_status.hpp"
#include "proxy/sandbox/taken_descriptor.hpp"
#include "proxy/sandbox/unix_address.hpp"

#include <sys/uio.h>

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

namespace sallyport {
namespace {

constexpr int as_place = O_PATH | O_CLOEXEC;

OwnedFd open_at(int folder, const std::string& path, int flags) {
  return OwnedFd(::openat(folder, path.c_str(), flags));
}

bool go_below(const OwnedFd& root) {
  return ::fchdir(root.get()) == 0 && ::chroot(".") == 0;
}

// This thread's root is another process's, until the end.
class OtherRoot {
 public:
  explicit OtherRoot(const OwnedFd& root) : own_(::open("/", as_place | O_DIRECTORY)) {
    entered_ = own_.get() >= 0 && go_below(root);
  }
  OtherRoot(const OtherRoot&) = delete;
  OtherRoot& operator=(const OtherRoot&) = delete;
  ~OtherRoot() {
    const int error = errno;
    // Who can't come back would take every path from now on for another.
    if (own_.get() >= 0 && !go_below(own_)) std::abort();
    errno = error;
  }
  bool entered() const { return entered_; }

 private:
  OwnedFd own_;
  bool entered_ = false;
};

}  // namespace

Caller::Caller(int proc, pid_t thread)
    : proc_(proc),
      thread_(thread),
      held_(hold_thread(proc, thread)),
      folder_(::openat(proc, std::to_string(thread).c_str(), as_place | O_DIRECTORY)) {}

OwnedFd Caller::take(int number) const {
  if (held_.get() < 0) {
    errno = ESRCH;
    return OwnedFd();
  }
  return take_descriptor(held_.get(), number);
}

std::optional<std::vector<char>> Caller::read(std::uint64_t at, std::size_t size) const {
  std::vector<char> bytes(size);
  const iovec here{bytes.data(), size};
  const iovec there{reinterpret_cast<void*>(at), size};  // NOLINT(performance-no-int-to-ptr): an address over there
  if (size > 0 && ::process_vm_readv(thread_, &here, 1, &there, 1, 0) != static_cast<ssize_t>(size)) {
    return std::nullopt;
  }
  return bytes;
}

OwnedFd Caller::find(const std::string& path) const {
  // "self" would be this process.
  if (const auto rest = below_own_process(path)) return open_at(folder_.get(), *rest, as_place);
  const OwnedFd root = open_at(folder_.get(), "root", as_place | O_DIRECTORY);
  const OtherRoot inside(root);
  if (!inside.entered()) return OwnedFd();
  if (!path.starts_with('/')) {
    // The user may have no right to enter it, and still name other places.
    const OwnedFd directory = open_at(folder_.get(), "cwd", as_place | O_DIRECTORY);
    if (::fchdir(directory.get()) != 0) return OwnedFd();
  }
  return open_at(AT_FDCWD, path, as_place);
}

bool Caller::is_interrupted() const {
  const auto status = read_proc_status(proc_, thread_);
  return status && status->interrupted;
}

}  // namespace sallyport
