// UDP datagrams with the address they were sent to, so that a reply leaves from it.
#pragma once
#include "policy/address.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

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

// Datagrams that wait are taken, and their replies sent, with one call to the kernel for many: a reply by itself also
// wakes its client for itself.
class DatagramBatch {
 public:
  static constexpr std::size_t most = 32;
  static constexpr std::size_t largest = 4096;  // what is longer counts as truncated

  DatagramBatch();
  ~DatagramBatch();
  // Forgets the last ones. How many there were, without waiting; 0 also after an error.
  std::size_t receive(int socket);
  const Datagram& datagram(std::size_t at) const;
  std::span<const std::uint8_t> bytes(std::size_t at) const;
  // To be filled with what to send back to that one; empty: nothing.
  std::vector<std::uint8_t>& reply(std::size_t at);
  // Sends all replies without waiting; a full socket drops them, as the network would.
  void send(int socket);

 private:
  struct Place;
  std::vector<Place> places_;
};

// Without waiting; a full socket drops the reply, as the network would.
void reply_to(int socket, const Datagram& datagram, std::span<const std::uint8_t> bytes);

struct Peer {
  Address address;
  std::uint16_t port;
};
Peer peer_of(const sockaddr_storage& from);

}  // namespace sallyport::dns
