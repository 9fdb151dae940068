#include "net/listener.hpp"

#include "net/descriptor.hpp"

#include <boost/asio/error.hpp>
#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sstream>
#include <stdexcept>
#include <unistd.h>
#include <utility>

namespace sallyport {

namespace {

using asio::ip::tcp;

constexpr int ip6t_so_original_dst = 80;  // <linux/netfilter_ipv6/ip6_tables.h> does not compile as C++

error_code system_error_code(int number) {
  return {number, boost::system::system_category()};
}

std::string text_of(const tcp::endpoint& endpoint) {
  std::ostringstream text;
  text << endpoint;
  return text.str();
}

ListenFault fault(const std::string& what, int error) {
  const error_code code = system_error_code(error);
  return {code, what + ": " + code.message() + listening_advice(error)};
}

bool switch_option(int descriptor, int level, int name, int value) {
  return ::setsockopt(descriptor, level, name, &value, sizeof value) == 0;
}

// The option that could not be set, or nullptr.
const char* set_options(int descriptor, bool is_v6, const ListenerOptions& options) {
  if (!switch_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)) return "SO_REUSEADDR";
  if (options.reuse_port == ReusePort::yes && !switch_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1)) {
    return "SO_REUSEPORT";
  }
  if (is_v6 && options.v6_only != V6Only::system_default &&
      !switch_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, options.v6_only == V6Only::yes ? 1 : 0)) {
    return "IPV6_V6ONLY";
  }
  if (options.transparent == Transparent::no) return nullptr;
  // A socket for both families needs both options.
  if (is_v6 && !switch_option(descriptor, IPPROTO_IPV6, IPV6_TRANSPARENT, 1)) return "IPV6_TRANSPARENT";
  const bool mapped_too = is_v6 && options.v6_only != V6Only::yes;
  if ((!is_v6 || mapped_too) && !switch_option(descriptor, IPPROTO_IP, IP_TRANSPARENT, 1)) return "IP_TRANSPARENT";
  return nullptr;
}

Result<int> integer_option(int descriptor, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(descriptor, SOL_SOCKET, name, &value, &size) != 0) return system_error_code(errno);
  return value;
}

template <class Address>
Result<Address> original(int descriptor, int level, int name, sa_family_t family) {
  Address address{};
  socklen_t size = sizeof address;
  if (::getsockopt(descriptor, level, name, &address, &size) != 0) return system_error_code(errno);
  sa_family_t got = 0;
  std::memcpy(&got, &address, sizeof got);
  if (size != sizeof address || got != family) return error_code(asio::error::address_family_not_supported);
  return address;
}

bool out_of_resources(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

bool listener_has_gone(int error) {
  return error == EBADF || error == EINVAL || error == ENOTSOCK || error == EOPNOTSUPP;
}

}  // namespace

std::string listening_advice(int error) {
  switch (error) {
    case EADDRINUSE:
      return "; another program listens there: stop it or choose another port";
    case EACCES:
      return "; ports below 1024 need root or CAP_NET_BIND_SERVICE";
    case EADDRNOTAVAIL:
      return "; no interface has this address";
    case EPERM:
      return "; this needs CAP_NET_ADMIN";
    case EMFILE:
    case ENFILE:
      return "; raise the limit of open files";
    default:
      return {};
  }
}

void throw_exception_from_error(const ListenFault& fault, const boost::source_location&) {
  throw std::runtime_error(fault.text);
}

ListenResult<Acceptor> open_listener(asio::io_context& context, const tcp::endpoint& endpoint,
                                     const ListenerOptions& options) {
  const std::string what = "cannot listen on " + text_of(endpoint);
  const bool is_v6 = endpoint.address().is_v6();
  Descriptor descriptor(::socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  if (descriptor.get() < 0) return fault(what, errno);
  if (const char* option = set_options(descriptor.get(), is_v6, options)) {
    const int error = errno;
    return fault(what + " (" + option + ")", error);
  }
  if (::bind(descriptor.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0)
    return fault(what, errno);
  if (::listen(descriptor.get(), options.backlog) != 0) return fault(what, errno);

  Acceptor acceptor(context.get_executor());
  error_code error;
  acceptor.assign(endpoint.protocol(), descriptor.get(), error);
  if (error) return fault(what, error.value());
  descriptor.release();
  return acceptor;
}

ListenResult<Acceptor> adopt_listener(asio::io_context& context, int descriptor) {
  const std::string what = "cannot use inherited descriptor " + std::to_string(descriptor);
  const auto domain = integer_option(descriptor, SO_DOMAIN);
  if (!domain) return fault(what, domain.error().value());
  const auto protocol = integer_option(descriptor, SO_PROTOCOL);
  const auto listening = integer_option(descriptor, SO_ACCEPTCONN);
  const bool is_internet = *domain == AF_INET || *domain == AF_INET6;
  if (!is_internet || !protocol || *protocol != IPPROTO_TCP || !listening || *listening == 0) {
    return ListenFault{system_error_code(EINVAL), what + ": it is not a listening TCP socket"};
  }
  const int flags = ::fcntl(descriptor, F_GETFL);
  if (flags < 0 || ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) != 0) return fault(what, errno);
  if (::fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0) return fault(what, errno);

  Acceptor acceptor(context.get_executor());
  error_code error;
  acceptor.assign(*domain == AF_INET6 ? tcp::v6() : tcp::v4(), descriptor, error);
  if (error) return fault(what, error.value());
  return acceptor;
}

Result<tcp::endpoint> original_destination(Socket& socket) {
  error_code error;
  const tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return error;
  const asio::ip::address address = peer.address();
  const int descriptor = socket.native_handle();
  // A mapped peer's packets were IPv4, and so is what connection tracking knows, though the socket is IPv6.
  if (address.is_v4() || address.to_v6().is_v4_mapped()) {
    const auto found = original<sockaddr_in>(descriptor, IPPROTO_IP, SO_ORIGINAL_DST, AF_INET);
    if (!found) return found.error();
    return tcp::endpoint(asio::ip::address_v4(ntohl(found->sin_addr.s_addr)), ntohs(found->sin_port));
  }
  const auto found = original<sockaddr_in6>(descriptor, IPPROTO_IPV6, ip6t_so_original_dst, AF_INET6);
  if (!found) return found.error();
  asio::ip::address_v6::bytes_type bytes;
  std::memcpy(bytes.data(), &found->sin6_addr, bytes.size());
  return tcp::endpoint(asio::ip::address_v6(bytes), ntohs(found->sin6_port));
}

Task<> accept_each(Acceptor& acceptor, std::function<void(Socket)> take, Clock::duration pause) {
  const auto executor = co_await asio::this_coro::executor;
  Timer timer(executor);
  for (;;) {
    const auto [error] = co_await acceptor.async_wait(Acceptor::wait_read, no_throw);
    if (error) co_return;
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    const int number =
        ::accept4(acceptor.native_handle(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (number < 0) {
      const int fault_number = errno;
      if (listener_has_gone(fault_number)) co_return;
      if (!out_of_resources(fault_number)) continue;  // this one connection failed before it was taken
      timer.expires_after(pause);
      const auto [cancelled] = co_await timer.async_wait(no_throw);
      if (cancelled) co_return;
      continue;
    }
    Descriptor descriptor(number);
    switch_option(number, IPPROTO_TCP, TCP_NODELAY, 1);
    Socket socket(executor);
    error_code refused;
    socket.assign(peer.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), number, refused);
    if (refused) continue;
    descriptor.release();
    take(std::move(socket));
  }
}

}  // namespace sallyport
