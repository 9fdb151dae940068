// For tests: network namespaces of their own, joined by veth pairs, gone with the object that holds them.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>

namespace sallyport::test {

// A descriptor that closes itself.
class Handle {
 public:
  explicit Handle(int fd = -1) : fd_(fd) {}
  Handle(Handle&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Handle& operator=(Handle&& other) noexcept;
  ~Handle();
  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }

 private:
  int fd_;
};

// A network namespace with `lo` up. Sockets opened inside stay inside; the calling thread always comes back.
class Namespace {
 public:
  Namespace();
  void inside(const std::function<void()>& work) const;
  Handle open_inside(const std::function<Handle()>& make) const;
  // Runs a shell command inside; throws where it fails.
  void shell(const std::string& command) const;
  // What a shell command prints.
  std::string output(const std::string& command) const;
  // /proc/PID/fd/N: a name for `ip link set … netns`.
  std::string path() const;

 private:
  Handle descriptor_;
};

// An address and a port, as a socket call wants them.
struct Endpoint {
  std::string address;
  std::uint16_t port;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

enum class Transparent { no, yes };

Handle tcp_listener(const std::string& address, std::uint16_t port, Transparent transparent = Transparent::no);
Handle udp_socket(const std::string& address, std::uint16_t port);
// 0 or errno after at most two seconds (ETIMEDOUT).
struct Connected {
  Handle socket;
  int error;
};
Connected tcp_connect(const Endpoint& to, const std::string& from = "");
// Accepts within two seconds, or is closed.
Handle accept_one(const Handle& listener);
// Sends one datagram from a connected socket, which the answer, or the ICMP error, comes back to.
Handle udp_send(const Endpoint& to, const std::string& text, const std::string& from = "", std::uint16_t from_port = 0);
// 0 for an answer, else errno: ECONNREFUSED after ICMP port unreachable, ETIMEDOUT after silence.
int udp_answer(const Handle& socket, int milliseconds = 2000);
// Sends the next datagram back where it came from.
bool echo_one(const Handle& socket);
// Sends an ICMP echo request; true for an echo reply in time.
bool ping(const std::string& to, int milliseconds);
// Sends one packet of another protocol.
void send_protocol(const std::string& to, int protocol);
// One datagram with an IPv4 option (no operation), or an IPv6 destination options header.
void udp_send_with_options(const Endpoint& to);
// True when something can be read within `milliseconds`.
bool readable(const Handle& socket, int milliseconds);

// SO_ORIGINAL_DST, and the local address.
Endpoint original_destination(const Handle& socket);
Endpoint local_address(const Handle& socket);
Endpoint peer_address(const Handle& socket);

}  // namespace sallyport::test
