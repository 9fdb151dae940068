#include "proxy/sandbox/standard_descriptors.hpp"

#include "proxy/sandbox/inside_devices.hpp"

#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <unistd.h>

namespace sallyport {
namespace {

bool is_connected_for_good(int socket) {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return false;
  sockaddr_storage peer{};
  socklen_t peer_size = sizeof peer;
  return (type == SOCK_STREAM || type == SOCK_SEQPACKET) &&
         ::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &peer_size) == 0;
}

Outcome<void> refuse(const std::string& what) {
  return Complaint{"standard input, output or error is " + what +
                   ": give a file or a pipe instead, say `</dev/null` or `| cat`"};
}

Outcome<void> check(int descriptor) {
  const int flags = ::fcntl(descriptor, F_GETFL);
  if (flags < 0 && errno == EBADF) return {};  // closed
  struct stat found {};
  if (flags < 0 || ::fstat(descriptor, &found) != 0) return refuse(std::string("unknown: ") + std::strerror(errno));
  if (S_ISDIR(found.st_mode))
    return refuse("a directory, from which every other outside of the sandbox can be reached");
  if ((flags & O_PATH) != 0) return refuse("a place (O_PATH) outside of the sandbox");
  if (S_ISREG(found.st_mode) || S_ISFIFO(found.st_mode)) return {};
  if (S_ISSOCK(found.st_mode)) {
    if (is_connected_for_good(descriptor)) return {};
    return refuse("a socket that could reach others than its peer");
  }
  if (S_ISCHR(found.st_mode) && (is_harmless_device(found.st_rdev) || ::isatty(descriptor) == 1)) return {};
  return refuse("a device, or no file at all, that could be a way out");
}

}  // namespace

Outcome<void> check_standard_descriptors() {
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (auto harmless = check(standard); !harmless) return harmless;
  }
  return {};
}

}  // namespace sallyport
