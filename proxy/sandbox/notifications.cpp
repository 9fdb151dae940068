#include "proxy/sandbox/notifications.hpp"

#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace sallyport {

Notifications::Notifications(int listener) : listener_(listener) {
  seccomp_notif_sizes sizes{};
  ::syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes);
  call_.resize(std::max<std::size_t>(sizes.seccomp_notif, sizeof(seccomp_notif)));
  answer_.resize(std::max<std::size_t>(sizes.seccomp_notif_resp, sizeof(seccomp_notif_resp)));
}

std::optional<seccomp_notif> Notifications::next() {
  for (;;) {
    std::fill(call_.begin(), call_.end(), '\0');
    if (::ioctl(listener_, SECCOMP_IOCTL_NOTIF_RECV, call_.data()) == 0) break;
    // ENOENT: who called has ended before it could be told of.
    if (errno != EINTR && errno != ENOENT) return std::nullopt;
  }
  seccomp_notif call{};
  std::memcpy(&call, call_.data(), sizeof call);
  return call;
}

bool Notifications::is_waiting(std::uint64_t id) const {
  return ::ioctl(listener_, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

void Notifications::answer(std::uint64_t id, int result) {
  seccomp_notif_resp response{};
  response.id = id;
  response.error = result;
  std::fill(answer_.begin(), answer_.end(), '\0');
  std::memcpy(answer_.data(), &response, sizeof response);
  // Fails only where the caller has ended.
  ::ioctl(listener_, SECCOMP_IOCTL_NOTIF_SEND, answer_.data());
}

}  // namespace sallyport
