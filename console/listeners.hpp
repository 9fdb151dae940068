// The admin API's listening sockets: opened while there are still privileges, used after they are gone.
#pragma once
#include "console/unix_peer.hpp"
#include "policy/address.hpp"
#include "policy/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sallyport {

struct TcpListen {
  Address address = Address::v4({127, 0, 0, 1});
  std::uint16_t port = 0;  // 0: the kernel chooses
};

struct AdminListenOptions {
  std::string socket;             // path of the unix socket; empty: none
  std::vector<TcpListen> tcp;     // the console
  std::optional<UnixDoor> owner;  // who the socket shall belong to; absent: who we are
};

// Owns its descriptors until an AdminServer takes them.
class AdminListeners {
 public:
  // Makes the socket's folder (0750) where it is missing, takes the place of a socket nobody listens on, and leaves
  // one that is in use alone. An error says what to do.
  static Outcome<AdminListeners> open(const AdminListenOptions& options);
  AdminListeners(AdminListeners&& other) noexcept;
  AdminListeners& operator=(AdminListeners&&) = delete;
  ~AdminListeners();

  struct Tcp {
    int descriptor;
    TcpListen at;  // with the port that was chosen
  };
  const std::vector<Tcp>& tcp() const { return tcp_; }
  const std::string& socket() const { return path_; }
  const UnixDoor& door() const { return door_; }
  // All of them, now the caller's; the unix socket first where there is one.
  struct Taken {
    std::optional<int> unix_socket;
    std::vector<Tcp> tcp;
  };
  Taken take();

 private:
  AdminListeners() = default;
  Outcome<void> open_unix(const AdminListenOptions& options);
  Outcome<void> open_tcp(const TcpListen& at);

  std::string path_;
  UnixDoor door_;
  std::optional<int> unix_;
  std::vector<Tcp> tcp_;
};

}  // namespace sallyport
