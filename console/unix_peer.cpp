#include "console/unix_peer.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <pwd.h>
#include <unistd.h>
#include <vector>

namespace sallyport {
namespace {

enum class Place { ours, other, unknown };

// The kernel gives an accepted unix socket the network namespace of the one who connected, and each namespace a number
// that anybody may read (Linux 5.14): exact, without a race, and for every peer.
Place network_of(int socket) {
  std::uint64_t theirs = 0;
  std::uint64_t ours = 0;
  socklen_t size = sizeof theirs;
  if (::getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, &theirs, &size) != 0) return Place::unknown;
  const int own = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (own < 0) return Place::unknown;
  size = sizeof ours;
  const bool known = ::getsockopt(own, SOL_SOCKET, SO_NETNS_COOKIE, &ours, &size) == 0;
  ::close(own);
  if (!known) return Place::unknown;
  return ours == theirs ? Place::ours : Place::other;
}

// By /proc, which shows the namespaces of one's own processes, and root those of all.
Place namespace_of(pid_t pid, const char* kind) {
  std::error_code error;
  const auto theirs = std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/ns/" + kind, error);
  if (error) return Place::unknown;
  const auto ours = std::filesystem::read_symlink(std::string("/proc/self/ns/") + kind, error);
  if (error) return Place::unknown;
  return ours == theirs ? Place::ours : Place::other;
}

bool in_group(int socket, const ucred& peer, gid_t group) {
  if (peer.gid == group) return true;
  std::vector<gid_t> groups(1024);
  auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0) return false;
  groups.resize(size / sizeof(gid_t));
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

std::string user_name(uid_t uid) {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found) return found->pw_name;
  return "uid " + std::to_string(uid);
}

}  // namespace

Outcome<UnixPeer> check_unix_peer(int socket, const UnixDoor& door) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return Complaint{"the kernel does not say who you are"};
  // A pid of 0: of another pid namespace than ours can see, so no process of this host's own.
  const bool trusted = peer.uid == 0 || peer.uid == door.owner || peer.uid == ::geteuid();
  if (!trusted && !in_group(socket, peer, door.group))
    return Complaint{"only root, the admin socket's owner and its group may use it"};

  const Place network = network_of(socket);
  const Place by_process = namespace_of(peer.pid, "net");
  if (network == Place::other || by_process == Place::other)
    return Complaint{"the admin socket takes nobody of another network namespace"};
  if (namespace_of(peer.pid, "user") == Place::other)
    return Complaint{"the admin socket takes nobody of another user namespace"};
  const bool known = network == Place::ours || by_process == Place::ours;
  if (!known && !trusted)
    return Complaint{"your network namespace cannot be told, so the admin socket is closed to you"};
  return UnixPeer{peer.uid, user_name(peer.uid)};
}

}  // namespace sallyport
