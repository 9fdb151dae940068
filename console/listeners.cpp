#include "console/listeners.hpp"

#include "net/listener.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <unistd.h>
#include <utility>

namespace sallyport {
namespace {

constexpr int backlog = 128;

std::string why() {
  return std::generic_category().message(errno);
}

Outcome<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Complaint{path, ": a socket's path is at most 107 bytes"};
  std::copy(path.begin(), path.end(), address.sun_path);
  return address;
}

// True where somebody answers there.
bool in_use(const sockaddr_un& address) {
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (probe < 0) return true;
  const int connected = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const bool refused = connected != 0 && errno == ECONNREFUSED;
  ::close(probe);
  return !refused;
}

Outcome<void> make_way(const std::string& path, const sockaddr_un& address) {
  struct stat there {};
  if (::lstat(path.c_str(), &there) != 0) return {};
  if (!S_ISSOCK(there.st_mode)) return Complaint{path, " is no socket; move it away or set listen.admin"};
  if (in_use(address)) return Complaint{path, " is in use: does another sallyport run? Set listen.admin"};
  if (::unlink(path.c_str()) != 0) return Complaint{"cannot remove the old ", path, ": ", why()};
  return {};
}

Outcome<void> make_folder(const std::string& path, const std::optional<UnixDoor>& owner) {
  const auto folder = std::filesystem::path(path).parent_path();
  if (folder.empty() || std::filesystem::exists(folder)) return {};
  std::error_code error;
  std::filesystem::create_directories(folder.parent_path(), error);
  if (::mkdir(folder.c_str(), 0750) != 0) return Complaint{"cannot make ", folder.string(), ": ", why()};
  if (owner && ::chown(folder.c_str(), owner->owner, owner->group) != 0)
    return Complaint{"cannot give ", folder.string(), " to its user: ", why()};
  return {};
}

socklen_t fill(sockaddr_storage& storage, const TcpListen& at) {
  if (at.address.is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(at.port);
    std::memcpy(&v4.sin_addr, at.address.bytes().data(), 4);
    return sizeof v4;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(at.port);
  std::memcpy(&v6.sin6_addr, at.address.bytes().data(), 16);
  return sizeof v6;
}

std::uint16_t port_of(int descriptor) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return 0;
  return ntohs(storage.ss_family == AF_INET ? reinterpret_cast<const sockaddr_in&>(storage).sin_port
                                            : reinterpret_cast<const sockaddr_in6&>(storage).sin6_port);
}

}  // namespace

Outcome<AdminListeners> AdminListeners::open(const AdminListenOptions& options) {
  AdminListeners listeners;
  if (!options.socket.empty()) {
    const auto opened = listeners.open_unix(options);
    if (!opened) return opened.error();
  }
  for (const auto& at : options.tcp) {
    const auto opened = listeners.open_tcp(at);
    if (!opened) return opened.error();
  }
  return listeners;
}

AdminListeners::AdminListeners(AdminListeners&& other) noexcept
    : path_(std::move(other.path_)),
      door_(other.door_),
      unix_(std::exchange(other.unix_, std::nullopt)),
      tcp_(std::exchange(other.tcp_, {})) {}

AdminListeners::~AdminListeners() {
  if (unix_) ::close(*unix_);
  for (const auto& each : tcp_) ::close(each.descriptor);
}

AdminListeners::Taken AdminListeners::take() {
  return {std::exchange(unix_, std::nullopt), std::exchange(tcp_, {})};
}

Outcome<void> AdminListeners::open_unix(const AdminListenOptions& options) {
  const auto address = unix_address(options.socket);
  if (!address) return address.error();
  const auto folder = make_folder(options.socket, options.owner);
  if (!folder) return folder.error();
  const auto way = make_way(options.socket, *address);
  if (!way) return way.error();
  path_ = options.socket;
  unix_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const Complaint failed{"cannot listen on ", path_, ": "};
  if (*unix_ < 0) return Complaint{failed.text, why()};
  // Nobody else may connect before the file has its owner: it is born 0600.
  const mode_t old = ::umask(0177);
  const int bound = ::bind(*unix_, reinterpret_cast<const sockaddr*>(&*address), sizeof *address);
  const std::string reason = bound == 0 ? std::string() : why();
  ::umask(old);
  if (bound != 0) return Complaint{failed.text, reason};
  door_ = options.owner.value_or(UnixDoor{::geteuid(), ::getegid()});
  if (options.owner && ::chown(path_.c_str(), door_.owner, door_.group) != 0)
    return Complaint{"cannot give ", path_, " to its user: ", why()};
  if (::chmod(path_.c_str(), 0660) != 0 || ::listen(*unix_, backlog) != 0) return Complaint{failed.text, why()};
  return {};
}

Outcome<void> AdminListeners::open_tcp(const TcpListen& at) {
  // Worded as the other listeners' faults are.
  const std::string host = at.address.is_v4() ? at.address.text() : '[' + at.address.text() + ']';
  const auto fault = [where = host + ':' + std::to_string(at.port)] {
    const int error = errno;
    return Complaint{"cannot listen on ", where, ": ", std::generic_category().message(error), listening_advice(error),
                     " (listen.console)"};
  };
  const int descriptor =
      ::socket(at.address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return fault();
  tcp_.push_back({descriptor, at});
  const int on = 1;
  ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_storage storage{};
  const socklen_t size = fill(storage, at);
  if (::bind(descriptor, reinterpret_cast<const sockaddr*>(&storage), size) != 0 || ::listen(descriptor, backlog) != 0)
    return fault();
  tcp_.back().at.port = port_of(descriptor);
  return {};
}

}  // namespace sallyport
