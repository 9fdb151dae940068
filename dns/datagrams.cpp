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

msghdr header_of(Datagram& target, iovec& part) {
  msghdr message{};
  message.msg_name = &target.from;
  message.msg_namelen = target.from_size;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (target.control_size != 0) {
    message.msg_control = target.control.data();
    message.msg_controllen = target.control_size;
  }
  return message;
}

}  // namespace

void want_asked_address(int socket) {
  const int on = 1;
  // The one of the other family fails, and isn't needed.
  (void)::setsockopt(socket, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
  (void)::setsockopt(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
}

struct DatagramBatch::Place {
  Datagram datagram;
  std::array<std::uint8_t, largest> buffer;
  alignas(cmsghdr) std::array<std::uint8_t, 256> control;
  std::vector<std::uint8_t> reply;
};

DatagramBatch::DatagramBatch() : places_(most) {}
DatagramBatch::~DatagramBatch() = default;

std::size_t DatagramBatch::receive(int socket) {
  std::array<mmsghdr, most> messages{};
  std::array<iovec, most> parts{};
  for (std::size_t i = 0; i < most; ++i) {
    Place& place = places_[i];
    parts[i] = {place.buffer.data(), place.buffer.size()};
    messages[i].msg_hdr = {.msg_name = &place.datagram.from,
                           .msg_namelen = sizeof(place.datagram.from),
                           .msg_iov = &parts[i],
                           .msg_iovlen = 1,
                           .msg_control = place.control.data(),
                           .msg_controllen = place.control.size(),
                           .msg_flags = 0};
  }
  const int got = ::recvmmsg(socket, messages.data(), most, MSG_DONTWAIT, nullptr);
  const std::size_t count = got < 0 ? 0 : static_cast<std::size_t>(got);
  for (std::size_t i = 0; i < count; ++i) {
    Datagram& datagram = places_[i].datagram;
    datagram.from_size = messages[i].msg_hdr.msg_namelen;
    datagram.size = messages[i].msg_len;
    datagram.truncated = (messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
    datagram.control_size = 0;
    remember_asked_address(messages[i].msg_hdr, datagram);
    places_[i].reply.clear();
  }
  return count;
}

const Datagram& DatagramBatch::datagram(std::size_t at) const {
  return places_[at].datagram;
}

std::span<const std::uint8_t> DatagramBatch::bytes(std::size_t at) const {
  return std::span(places_[at].buffer).first(places_[at].datagram.size);
}

std::vector<std::uint8_t>& DatagramBatch::reply(std::size_t at) {
  return places_[at].reply;
}

void DatagramBatch::send(int socket) {
  std::array<mmsghdr, most> messages{};
  std::array<iovec, most> parts{};
  unsigned count = 0;
  for (Place& place : places_) {
    if (place.reply.empty()) continue;
    parts[count] = {place.reply.data(), place.reply.size()};
    messages[count].msg_hdr = header_of(place.datagram, parts[count]);
    ++count;
  }
  for (unsigned sent = 0; sent < count;) {
    const int more = ::sendmmsg(socket, &messages[sent], count - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    // Only the first of a call fails: the others have a try of their own.
    sent += more > 0 ? static_cast<unsigned>(more) : 1U;
  }
  for (Place& place : places_) place.reply.clear();
}

void reply_to(int socket, const Datagram& datagram, std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return;
  Datagram target = datagram;
  iovec part{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};  // sendmsg only reads
  const msghdr message = header_of(target, part);
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
