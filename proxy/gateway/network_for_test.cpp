#include "proxy/gateway/network_for_test.hpp"

#include <arpa/inet.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdexcept>
#include <unistd.h>

namespace sallyport::test {
namespace {

constexpr int patience = 2000;
constexpr int ipv6_original_destination =
    80;  // IP6T_SO_ORIGINAL_DST; its header does not compile as C++ beside glibc's

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketAddress to_socket(const std::string& address, std::uint16_t port) {
  SocketAddress out;
  auto& v4 = reinterpret_cast<sockaddr_in&>(out.storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out.storage);
  if (::inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    out.size = sizeof v4;
    return out;
  }
  if (::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) != 1) throw std::runtime_error("no address: " + address);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  out.size = sizeof v6;
  return out;
}

Endpoint from_socket(const SocketAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.storage);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return {text.data(), ntohs(v4.sin_port)};
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    ::inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text.data(), text.size());
    return {text.data(), ntohs(v6.sin6_port)};
  }
  ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  return {text.data(), ntohs(v6.sin6_port)};
}

Handle make_socket(const std::string& address, int type) {
  const int family = address.find(':') == std::string::npos ? AF_INET : AF_INET6;
  Handle out(::socket(family, type | SOCK_CLOEXEC, 0));
  if (!out.open()) fail("socket");
  return out;
}

void bind_to(const Handle& socket, const std::string& address, std::uint16_t port) {
  SocketAddress at = to_socket(address, port);
  if (::bind(socket.get(), at.get(), at.size) != 0) fail("bind " + address);
}

int enter(int descriptor) {
  return ::setns(descriptor, CLONE_NEWNET);
}

Handle current_namespace() {
  Handle out(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!out.open()) fail("open the network namespace");
  return out;
}

}  // namespace

Handle& Handle::operator=(Handle&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Handle::~Handle() {
  if (fd_ >= 0) ::close(fd_);
}

Namespace::Namespace() {
  const Handle home = current_namespace();
  if (::unshare(CLONE_NEWNET) != 0) fail("unshare(CLONE_NEWNET)");
  descriptor_ = current_namespace();
  if (enter(home.get()) != 0) fail("setns home");
  shell("ip link set lo up");
}

void Namespace::inside(const std::function<void()>& work) const {
  const Handle home = current_namespace();
  if (enter(descriptor_.get()) != 0) fail("setns");
  try {
    work();
  } catch (...) {
    if (enter(home.get()) != 0) std::abort();
    throw;
  }
  if (enter(home.get()) != 0) fail("setns home");
}

Handle Namespace::open_inside(const std::function<Handle()>& make) const {
  Handle out;
  inside([&] { out = make(); });
  return out;
}

std::string Namespace::output(const std::string& command) const {
  std::string out;
  int status = -1;
  inside([&] {
    FILE* pipe = ::popen(("exec 2>&1; " + command).c_str(), "r");
    if (pipe == nullptr) fail("popen");
    std::array<char, 4096> buffer{};
    while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe)) out.append(buffer.data(), got);
    status = ::pclose(pipe);
  });
  if (status != 0) throw std::runtime_error(command + ": " + out);
  return out;
}

void Namespace::shell(const std::string& command) const {
  output(command);
}

std::string Namespace::path() const {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(descriptor_.get());
}

Handle tcp_listener(const std::string& address, std::uint16_t port, Transparent transparent) {
  Handle out = make_socket(address, SOCK_STREAM);
  const int on = 1;
  ::setsockopt(out.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (transparent == Transparent::yes && ::setsockopt(out.get(), SOL_IP, IP_TRANSPARENT, &on, sizeof on) != 0) {
    fail("IP_TRANSPARENT");
  }
  bind_to(out, address, port);
  if (::listen(out.get(), 16) != 0) fail("listen");
  return out;
}

Handle udp_socket(const std::string& address, std::uint16_t port) {
  Handle out = make_socket(address, SOCK_DGRAM);
  bind_to(out, address, port);
  return out;
}

bool readable(const Handle& socket, int milliseconds) {
  pollfd waiting{socket.get(), POLLIN, 0};
  return ::poll(&waiting, 1, milliseconds) == 1;
}

Connected tcp_connect(const Endpoint& to, const std::string& from) {
  Handle socket = make_socket(to.address, SOCK_STREAM | SOCK_NONBLOCK);
  if (!from.empty()) bind_to(socket, from, 0);
  SocketAddress target = to_socket(to.address, to.port);
  if (::connect(socket.get(), target.get(), target.size) == 0) return {std::move(socket), 0};
  if (errno != EINPROGRESS) return {std::move(socket), errno};
  pollfd waiting{socket.get(), POLLOUT, 0};
  if (::poll(&waiting, 1, patience) == 0) return {std::move(socket), ETIMEDOUT};
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return {std::move(socket), error};
}

Handle accept_one(const Handle& listener) {
  if (!readable(listener, patience)) return Handle();
  return Handle(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

Handle udp_send(const Endpoint& to, const std::string& text, const std::string& from, std::uint16_t from_port) {
  Handle socket = make_socket(to.address, SOCK_DGRAM);
  if (!from.empty()) bind_to(socket, from, from_port);
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
  SocketAddress target = to_socket(to.address, to.port);
  if (::connect(socket.get(), target.get(), target.size) != 0) fail("connect " + to.address);
  if (::send(socket.get(), text.data(), text.size(), 0) < 0) fail("send " + to.address);
  return socket;
}

int udp_answer(const Handle& socket, int milliseconds) {
  if (!readable(socket, milliseconds)) return ETIMEDOUT;
  std::array<char, 512> buffer{};
  return ::recv(socket.get(), buffer.data(), buffer.size(), 0) < 0 ? errno : 0;
}

bool echo_one(const Handle& socket) {
  if (!readable(socket, patience)) return false;
  std::array<char, 512> buffer{};
  SocketAddress from;
  from.size = sizeof from.storage;
  const ssize_t got = ::recvfrom(socket.get(), buffer.data(), buffer.size(), 0, from.get(), &from.size);
  return got > 0 &&
         ::sendto(socket.get(), buffer.data(), static_cast<std::size_t>(got), 0, from.get(), from.size) == got;
}

bool ping(const std::string& to, int milliseconds) {
  const bool v6 = to.find(':') != std::string::npos;
  const int protocol = v6 ? int{IPPROTO_ICMPV6} : int{IPPROTO_ICMP};
  const Handle socket(::socket(v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, protocol));
  SocketAddress target = to_socket(to, 0);
  if (::connect(socket.get(), target.get(), target.size) != 0) fail("connect " + to);
  // Type, code, checksum (of IPv4; the kernel fills in that of IPv6), identifier, number.
  const std::array<unsigned char, 8> request{static_cast<unsigned char>(v6 ? 128 : 8), 0, 0xf7, 0xfe, 0, 0, 0, 1};
  if (::send(socket.get(), request.data(), request.size(), 0) < 0) fail("send " + to);
  while (readable(socket, milliseconds)) {
    std::array<unsigned char, 512> buffer{};
    // ICMP errors come as an error of recv; a raw IPv4 socket shows the 20 bytes of header, too.
    if (::recv(socket.get(), buffer.data(), buffer.size(), 0) < 0) return false;
    if (v6 ? buffer[0] == 129 : buffer[20] == 0) return true;
  }
  return false;
}

void send_protocol(const std::string& to, int protocol) {
  const bool v6 = to.find(':') != std::string::npos;
  const Handle socket(::socket(v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, protocol));
  SocketAddress target = to_socket(to, 0);
  if (::connect(socket.get(), target.get(), target.size) != 0) fail("connect " + to);
  if (::send(socket.get(), "0123456789abcdef", 16, 0) < 0) fail("send " + to);
}

void udp_send_with_options(const Endpoint& to) {
  const bool v6 = to.address.find(':') != std::string::npos;
  const Handle socket = make_socket(to.address, SOCK_DGRAM);
  const std::array<unsigned char, 4> no_operations{1, 1, 1, 0};
  const std::array<unsigned char, 8> padding{0, 0, 1, 4, 0, 0, 0, 0};
  const int set = v6 ? ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_DSTOPTS, padding.data(), padding.size())
                     : ::setsockopt(socket.get(), IPPROTO_IP, IP_OPTIONS, no_operations.data(), no_operations.size());
  if (set != 0) fail("options");
  SocketAddress target = to_socket(to.address, to.port);
  if (::sendto(socket.get(), "hello", 5, 0, target.get(), target.size) != 5) fail("send " + to.address);
}

Endpoint original_destination(const Handle& socket) {
  SocketAddress out;
  out.size = sizeof out.storage;
  if (::getsockopt(socket.get(), SOL_IP, SO_ORIGINAL_DST, out.get(), &out.size) == 0) return from_socket(out);
  out.size = sizeof(sockaddr_in6);
  if (::getsockopt(socket.get(), SOL_IPV6, ipv6_original_destination, out.get(), &out.size) != 0) fail("original");
  return from_socket(out);
}

Endpoint local_address(const Handle& socket) {
  SocketAddress out;
  out.size = sizeof out.storage;
  if (::getsockname(socket.get(), out.get(), &out.size) != 0) fail("getsockname");
  return from_socket(out);
}

Endpoint peer_address(const Handle& socket) {
  SocketAddress out;
  out.size = sizeof out.storage;
  if (::getpeername(socket.get(), out.get(), &out.size) != 0) fail("getpeername");
  return from_socket(out);
}

}  // namespace sallyport::test
