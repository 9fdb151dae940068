#include "proxy/sandbox/standard_descriptors.hpp"

#include <sys/socket.h>
#include <sys/stat.h>

#include <unistd.h>

namespace sallyport {
namespace {

bool is_socket(int descriptor) {
  struct stat found {};
  return ::fstat(descriptor, &found) == 0 && S_ISSOCK(found.st_mode);
}

bool is_connected_for_good(int socket) {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return false;
  sockaddr_storage peer{};
  socklen_t peer_size = sizeof peer;
  return (type == SOCK_STREAM || type == SOCK_SEQPACKET) &&
         ::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &peer_size) == 0;
}

}  // namespace

Outcome<void> check_standard_descriptors() {
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (!is_socket(standard) || is_connected_for_good(standard)) continue;
    return Complaint{
        "standard input, output or error is a socket that could reach others than its peer: give a file or a pipe "
        "instead, say `</dev/null` or `| cat`"};
  }
  return {};
}

}  // namespace sallyport
