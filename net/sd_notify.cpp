#include "net/sd_notify.hpp"

#include <boost/asio/error.hpp>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace sallyport {

Result<void> sd_notify(std::string_view state) {
  const char* variable = std::getenv("NOTIFY_SOCKET");
  if (!variable || !*variable) return {};
  const std::string_view path(variable);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return error_code(asio::error::name_too_long);
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path[0] == '@') address.sun_path[0] = '\0';  // the abstract name space
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());

  const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return error_code(errno, boost::system::system_category());
  const ssize_t sent =
      ::sendto(descriptor, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size);
  const error_code error(sent < 0 ? errno : 0, boost::system::system_category());
  ::close(descriptor);
  if (error) return error;
  return {};
}

}  // namespace sallyport
