#include "dns/datagrams.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sallyport::dns {
namespace {

template <class Info>
void put_control(Datagram& datagram, int level, int type, const Info& info) {
  msghdr message{};
  message.msg_control = datagram.control.data();
  message.msg_controllen = CMSG_SPACE(sizeof(Info));
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(sizeof(Info));
  std::memcpy(CMSG_DATA(header), &info, sizeof(Info));
  datagram.control_size = CMSG_SPACE(sizeof(Info));
}

// Keeps the address alone: with an interface as well, a reply could not take another way back.
void remember_asked_address(msghdr& message, Datagram& datagram) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(header), sizeof(info));
      info.ipi_ifindex = 0;
      put_control(datagram, IPPROTO_IP, IP_PKTINFO, info);
      return;
    }
    if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(header), sizeof(info));
      if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) info.ipi6_ifindex = 0;
      put_control(datagram, IPPROTO_IPV6, IPV6_PKTINFO, info);
      return;
    }
  }
}

}  // namespace

void want_asked_address(int socket) {
  const int on = 1;
  // The one of the other family fails, and isn't needed.
  (void)::setsockopt(socket, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
  (void)::setsockopt(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
}

bool receive(int socket, std::span<std::uint8_t> buffer, Datagram& datagram) {
  alignas(cmsghdr) std::array<std::uint8_t, 256> control{};
  iovec part{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_name = &datagram.from;
  message.msg_namelen = sizeof(datagram.from);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t got = ::recvmsg(socket, &message, MSG_DONTWAIT);
  if (got < 0) return false;
  datagram.from_size = message.msg_namelen;
  datagram.size = static_cast<std::size_t>(got);
  datagram.truncated = (message.msg_flags & MSG_TRUNC) != 0;
  datagram.control_size = 0;
  remember_asked_address(message, datagram);
  return true;
}

void reply_to(int socket, const Datagram& datagram, std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return;
  Datagram target = datagram;
  iovec part{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};  // sendmsg only reads
  msghdr message{};
  message.msg_name = &target.from;
  message.msg_namelen = target.from_size;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (target.control_size != 0) {
    message.msg_control = target.control.data();
    message.msg_controllen = target.control_size;
  }
  (void)::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

Peer peer_of(const sockaddr_storage& from) {
  if (from.ss_family == AF_INET) {
    sockaddr_in peer{};
    std::memcpy(&peer, &from, sizeof(peer));
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &peer.sin_addr, bytes.size());
    return {Address::v4(bytes), ntohs(peer.sin_port)};
  }
  sockaddr_in6 peer{};
  std::memcpy(&peer, &from, sizeof(peer));
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &peer.sin6_addr, bytes.size());
  return {Address::v6(bytes).unmapped(), ntohs(peer.sin6_port)};
}

}  // namespace sallyport::dns
