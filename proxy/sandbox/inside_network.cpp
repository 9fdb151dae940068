#include "proxy/sandbox/inside_network.hpp"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <nftables/libnftables.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

namespace sallyport {
namespace {

Complaint system_complaint(const std::string& what) {
  return Complaint{what + ": " + std::strerror(errno)};
}

// A kernel set up to have IPv6 off everywhere gives it to this lo all the same.
void want_ipv6() {
  for (const char* each : {"all", "lo"}) {
    const std::string path = std::string("/proc/sys/net/ipv6/conf/") + each + "/disable_ipv6";
    const OwnedFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (file.get() >= 0) static_cast<void>(::write(file.get(), "0", 1));
  }
}

Outcome<void> bring_up_lo() {
  const OwnedFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  if (socket.get() < 0 || ::ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) return system_complaint("lo");
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) return system_complaint("lo can't be brought up");
  return {};
}

// One rtnetlink request and its answer.
Outcome<void> tell_kernel(const nlmsghdr& request, const char* otherwise) {
  const OwnedFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (::sendto(socket.get(), &request, request.nlmsg_len, 0, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) < 0) {
    return system_complaint("rtnetlink");
  }
  alignas(nlmsghdr) char buffer[4096];
  const ssize_t got = ::recv(socket.get(), buffer, sizeof buffer, 0);
  const auto* answer = reinterpret_cast<const nlmsghdr*>(buffer);
  if (got < static_cast<ssize_t>(sizeof(nlmsghdr) + sizeof(nlmsgerr)) || answer->nlmsg_type != NLMSG_ERROR) {
    return Complaint{"rtnetlink gave no answer"};
  }
  errno = -static_cast<const nlmsgerr*>(NLMSG_DATA(answer))->error;
  if (errno != 0) return system_complaint(otherwise);
  return {};
}

struct RouteRequest {
  nlmsghdr header;
  rtmsg route;
  rtattr attribute;
  std::uint32_t interface;
};

// `ip route add local default dev lo`: whatever is dialled is here.
Outcome<void> add_route(int family) {
  RouteRequest request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_NEWROUTE;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
  request.route.rtm_family = static_cast<std::uint8_t>(family);
  request.route.rtm_table = RT_TABLE_LOCAL;
  request.route.rtm_type = RTN_LOCAL;
  request.route.rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
  request.route.rtm_protocol = RTPROT_STATIC;
  request.attribute.rta_type = RTA_OIF;
  request.attribute.rta_len = RTA_LENGTH(sizeof request.interface);
  request.interface = ::if_nametoindex("lo");
  return tell_kernel(request.header, "the route can't be added");
}

struct AddressRequest {
  nlmsghdr header;
  ifaddrmsg address;
  rtattr attribute;
  std::array<std::uint8_t, 16> bytes;
};

// Programs that ask for addresses "as this machine has them" (AI_ADDRCONFIG) are told of none where there is only
// loopback: 192.0.0.8 is the IPv4 dummy address (RFC 7600), the other is like it.
Outcome<void> add_address(int family) {
  AddressRequest request{};
  request.address.ifa_family = static_cast<std::uint8_t>(family);
  request.address.ifa_prefixlen = family == AF_INET ? 32 : 128;
  request.address.ifa_scope = RT_SCOPE_UNIVERSE;
  request.address.ifa_flags = IFA_F_NODAD;
  request.address.ifa_index = ::if_nametoindex("lo");
  ::inet_pton(family, family == AF_INET ? "192.0.0.8" : "fd53:414c:4c59:1::8", request.bytes.data());
  request.attribute.rta_type = IFA_LOCAL;
  request.attribute.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(family == AF_INET ? 4 : 16));
  request.header.nlmsg_len =
      static_cast<std::uint32_t>(NLMSG_LENGTH(sizeof request.address)) + request.attribute.rta_len;
  request.header.nlmsg_type = RTM_NEWADDR;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
  return tell_kernel(request.header, "lo can't be given an address");
}

bool has_ipv6() {
  const OwnedFd socket(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return socket.get() >= 0;
}

Outcome<OwnedFd> bound_socket(int family, int type, const char* address, std::uint16_t port) {
  OwnedFd socket(::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.get() < 0) return system_complaint("a socket can't be made");
  const int on = 1;
  if (family == AF_INET6 && ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) {
    return system_complaint("IPV6_V6ONLY");
  }
  // Answers leave from the address that was asked; that it is here by a route alone is enough for IPv4 only.
  if (family == AF_INET6 && type == SOCK_DGRAM &&
      ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof on) != 0) {
    return system_complaint("IPV6_FREEBIND");
  }
  sockaddr_storage at{};
  socklen_t size = sizeof(sockaddr_in);
  if (family == AF_INET) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(at);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    ::inet_pton(AF_INET, address, &v4.sin_addr);
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(at);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    ::inet_pton(AF_INET6, address, &v6.sin6_addr);
    size = sizeof(sockaddr_in6);
  }
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&at), size) != 0) {
    return system_complaint(std::string(address) + " can't be bound inside");
  }
  if (type == SOCK_STREAM && ::listen(socket.get(), 1024) != 0) return system_complaint("listen");
  return socket;
}

std::uint16_t port_of(const OwnedFd& socket) {
  sockaddr_storage at{};
  socklen_t size = sizeof at;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&at), &size) != 0) return 0;
  return ntohs(at.ss_family == AF_INET ? reinterpret_cast<sockaddr_in&>(at).sin_port
                                       : reinterpret_cast<sockaddr_in6&>(at).sin6_port);
}

Outcome<void> add_family(int family, SandboxSockets& sockets) {
  if (auto added = add_address(family); !added) return added;
  if (auto added = add_route(family); !added) return added;
  const bool v4 = family == AF_INET;
  auto door = bound_socket(family, SOCK_STREAM, v4 ? "127.0.0.1" : "::1", 0);
  if (!door) return door.error();
  sockets.transparent.push_back(std::move(*door));
  // Port 53 of every address: the routes bring all of them here.
  auto datagrams = bound_socket(family, SOCK_DGRAM, v4 ? "0.0.0.0" : "::", 53);
  if (!datagrams) return datagrams.error();
  auto stream = bound_socket(family, SOCK_STREAM, v4 ? "0.0.0.0" : "::", 53);
  if (!stream) return stream.error();
  sockets.dns.emplace_back(std::move(*datagrams), std::move(*stream));
  return {};
}

// The command's own servers on lo stay its own; what can never leave is refused at once rather than by silence.
std::string rules(const SandboxSockets& sockets) {
  std::string redirects;
  for (const OwnedFd& door : sockets.transparent) {
    const char* family = &door == &sockets.transparent.front() ? "ipv4" : "ipv6";
    redirects += std::string("    meta nfproto ") + family +
                 " meta l4proto tcp redirect to :" + std::to_string(port_of(door)) + "\n";
  }
  // What an earlier run left in there leads nowhere.
  return "table inet sallyport\n"
         "delete table inet sallyport\n"
         "table inet sallyport {\n"
         "  chain steer {\n"
         "    type nat hook output priority -100; policy accept;\n"
         "    ip daddr 127.0.0.0/8 return\n"
         "    ip6 daddr ::1 return\n"
         "    tcp dport 53 return\n" +
         redirects +
         "  }\n"
         "  chain refuse {\n"
         "    type filter hook output priority 0; policy accept;\n"
         "    ip daddr 127.0.0.0/8 accept\n"
         "    ip6 daddr ::1 accept\n"
         "    udp dport 53 accept\n"
         "    udp sport 53 accept\n"
         "    icmp type echo-request reject with icmp type admin-prohibited\n"
         "    icmpv6 type echo-request reject with icmpv6 type admin-prohibited\n"
         "    meta l4proto != { tcp, icmp, ipv6-icmp } reject\n"
         "  }\n"
         "}\n";
}

Outcome<void> apply(const std::string& text) {
  const std::unique_ptr<nft_ctx, void (*)(nft_ctx*)> context(nft_ctx_new(NFT_CTX_DEFAULT), nft_ctx_free);
  if (!context) return Complaint{"libnftables can't be started"};
  nft_ctx_buffer_output(context.get());
  nft_ctx_buffer_error(context.get());
  if (nft_run_cmd_from_buffer(context.get(), text.c_str()) == 0) return {};
  return Complaint{"the kernel refuses the rules that steer connections (is nf_tables there, with nat?): ",
                   nft_ctx_get_error_buffer(context.get())};
}

}  // namespace

Outcome<SandboxSockets> make_network() {
  want_ipv6();
  if (auto up = bring_up_lo(); !up) return up.error();
  SandboxSockets sockets;
  if (auto added = add_family(AF_INET, sockets); !added) return added.error();
  if (has_ipv6()) {
    if (auto added = add_family(AF_INET6, sockets); !added) return added.error();
  }
  sockets.diagnosis = OwnedFd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (sockets.diagnosis.get() < 0) return system_complaint("the kernel can't be asked about its sockets");
  if (auto applied = apply(rules(sockets)); !applied) return applied.error();
  return sockets;
}

}  // namespace sallyport
