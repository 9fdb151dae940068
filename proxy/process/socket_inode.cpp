#include "proxy/process/socket_inode.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace sallyport {
namespace {

struct Question {
  nlmsghdr header;
  inet_diag_req_v2 request;
};

// Both 4 or both 16 bytes, as the sockets of that family have them.
void put(const Address& address, __be32 (&into)[4]) {
  const auto bytes = address.bytes();
  std::memcpy(into, bytes.data(), bytes.size());
}

Question question(const ConnectionEnds& ends, std::uint32_t sequence) {
  Question made{};
  made.header.nlmsg_len = sizeof made;
  made.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  made.header.nlmsg_flags = NLM_F_REQUEST;
  made.header.nlmsg_seq = sequence;
  made.request.sdiag_family = ends.client.is_v4() ? AF_INET : AF_INET6;
  made.request.sdiag_protocol = IPPROTO_TCP;
  made.request.idiag_states = ~0U;
  put(ends.client, made.request.id.idiag_src);
  put(ends.server, made.request.id.idiag_dst);
  made.request.id.idiag_sport = htons(ends.client_port);
  made.request.id.idiag_dport = htons(ends.server_port);
  made.request.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  made.request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return made;
}

Address address_of(std::uint8_t family, const __be32 (&words)[4]) {
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), words, bytes.size());
  if (family == AF_INET6) return Address::v6(bytes).unmapped();
  return Address::v4({bytes[0], bytes[1], bytes[2], bytes[3]});
}

// Where the connection has gone already the kernel answers with who listens on that port, or what is left of it.
bool is_this(const inet_diag_msg& socket, const ConnectionEnds& ends) {
  const bool lives = socket.idiag_state != TCP_LISTEN && socket.idiag_state != TCP_TIME_WAIT &&
                     socket.idiag_state != TCP_CLOSE && socket.idiag_inode != 0;
  return lives && ntohs(socket.id.idiag_sport) == ends.client_port &&
         ntohs(socket.id.idiag_dport) == ends.server_port &&
         address_of(socket.idiag_family, socket.id.idiag_src) == ends.client &&
         address_of(socket.idiag_family, socket.id.idiag_dst) == ends.server;
}

std::optional<std::uint64_t> read_answer(int diagnosis, const ConnectionEnds& ends, std::uint32_t sequence) {
  alignas(nlmsghdr) std::array<char, 4096> buffer;
  while (true) {
    const ssize_t got = ::recv(diagnosis, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < static_cast<ssize_t>(sizeof(nlmsghdr))) return std::nullopt;
    const auto* header = reinterpret_cast<const nlmsghdr*>(buffer.data());
    if (header->nlmsg_seq != sequence) continue;  // the answer to somebody who did not wait
    if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY || header->nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg)) ||
        got < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(inet_diag_msg)))) {
      return std::nullopt;
    }
    inet_diag_msg socket{};
    std::memcpy(&socket, NLMSG_DATA(header), sizeof socket);
    if (!is_this(socket, ends)) return std::nullopt;
    return socket.idiag_inode;
  }
}

}  // namespace

std::optional<std::uint64_t> socket_inode(int diagnosis, const ConnectionEnds& ends) {
  const ConnectionEnds plain{ends.client.unmapped(), ends.client_port, ends.server.unmapped(), ends.server_port};
  if (plain.client.is_v4() != plain.server.is_v4()) return std::nullopt;
  static thread_local std::uint32_t sequence = 0;
  const Question asked = question(plain, ++sequence);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  // The kernel has answered when this returns. An IPv6 socket with an IPv4 peer is found by its IPv4 addresses.
  if (::sendto(diagnosis, &asked, sizeof asked, MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&kernel),
               sizeof kernel) != static_cast<ssize_t>(sizeof asked)) {
    return std::nullopt;
  }
  return read_answer(diagnosis, plain, sequence);
}

}  // namespace sallyport
