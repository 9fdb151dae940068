#include "proxy/sandbox/unix_address.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace sallyport {

std::optional<std::string> pathname_of(std::span<const char> address) {
  constexpr std::size_t name_begins = offsetof(sockaddr_un, sun_path);
  if (address.size() <= name_begins || address.size() > sizeof(sockaddr_un)) return std::nullopt;
  sa_family_t family = AF_UNSPEC;
  std::memcpy(&family, address.data(), sizeof family);
  const auto name = address.subspan(name_begins);
  if (family != AF_UNIX || name.front() == '\0') return std::nullopt;
  return std::string(name.begin(), std::find(name.begin(), name.end(), '\0'));
}

std::optional<std::string> below_own_process(const std::string& path) {
  for (const std::string_view own : {"/proc/self/", "/proc/thread-self/"}) {
    if (path.starts_with(own)) return path.substr(own.size());
  }
  if (path.starts_with("/dev/fd/")) return path.substr(std::strlen("/dev/"));
  return std::nullopt;
}

}  // namespace sallyport
