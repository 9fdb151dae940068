// UDP datagrams with the address they were sent to, so that a reply leaves from it.
#pragma once
#include "policy/address.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sallyport::dns {

struct Datagram {
  sockaddr_storage from{};
  socklen_t from_size = 0;
  // The control message that makes a reply leave from the asked address; empty where it isn't known.
  alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(in6_pktinfo))> control{};
  std::size_t control_size = 0;
  std::size_t size = 0;
  bool truncated = false;
};

// Asks the kernel for the asked address of each datagram.
void want_asked_address(int socket);
// Without waiting. False: nothing to read (errno says why).
bool receive(int socket, std::span<std::uint8_t> buffer, Datagram& datagram);
// Without waiting; a full socket drops the reply, as the network would.
void reply_to(int socket, const Datagram& datagram, std::span<const std::uint8_t> bytes);

struct Peer {
  Address address;
  std::uint16_t port;
};
Peer peer_of(const sockaddr_storage& from);

}  // namespace sallyport::dns
