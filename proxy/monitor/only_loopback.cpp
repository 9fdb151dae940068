#include "proxy/monitor/only_loopback.hpp"

#include <linux/if_arp.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <unistd.h>

namespace sallyport {
namespace {

constexpr timeval patience{2, 0};

std::string name_of(nlmsghdr* header) {
  auto* link = static_cast<ifinfomsg*>(NLMSG_DATA(header));
  int left = static_cast<int>(header->nlmsg_len - NLMSG_LENGTH(sizeof *link));
  for (rtattr* each = IFLA_RTA(link); RTA_OK(each, left); each = RTA_NEXT(each, left)) {
    if (each->rta_type != IFLA_IFNAME) continue;
    const auto* text = static_cast<const char*>(RTA_DATA(each));
    return std::string(text, ::strnlen(text, RTA_PAYLOAD(each)));
  }
  return "without a name";
}

enum class Seen { more, done };

// What one datagram tells: the answer to our question, or news.
Outcome<Seen> read_messages(char* data, std::size_t size, std::uint32_t question) {
  auto left = static_cast<unsigned>(size);
  for (auto* header = reinterpret_cast<nlmsghdr*>(data); NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
    if (header->nlmsg_type == RTM_NEWLINK) {
      const auto* link = static_cast<const ifinfomsg*>(NLMSG_DATA(header));
      if (link->ifi_type != ARPHRD_LOOPBACK)
        return Complaint{"it has the interface " + name_of(header) + ", and so another way out"};
    }
    if (header->nlmsg_seq != question) continue;
    if (header->nlmsg_type == NLMSG_DONE) return Seen::done;
    if (header->nlmsg_type == NLMSG_ERROR) return Complaint{"the kernel does not tell the interfaces"};
  }
  return Seen::more;
}

bool ask(int link_watch, std::uint32_t question) {
  struct {
    nlmsghdr header;
    ifinfomsg link;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_GETLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.header.nlmsg_seq = question;
  request.link.ifi_family = AF_UNSPEC;
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  return ::sendto(link_watch, &request, sizeof request, 0, reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) >=
         0;
}

}  // namespace

int open_link_watch() {
  const int watch = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (watch < 0) return -1;
  sockaddr_nl links{};
  links.nl_family = AF_NETLINK;
  links.nl_groups = RTMGRP_LINK;
  if (::bind(watch, reinterpret_cast<const sockaddr*>(&links), sizeof links) != 0 ||
      ::setsockopt(watch, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0) {
    ::close(watch);
    return -1;
  }
  return watch;
}

Outcome<void> has_only_loopback(int link_watch) {
  static thread_local std::uint32_t question = 0;
  if (!ask(link_watch, ++question)) return Complaint{std::string("the kernel can't be asked: ") + std::strerror(errno)};
  alignas(nlmsghdr) std::array<char, 32768> buffer;
  while (true) {
    const ssize_t got = ::recv(link_watch, buffer.data(), buffer.size(), 0);
    if (got < 0 && (errno == EINTR || errno == ENOBUFS)) continue;  // lost news: the answer says how it is
    if (got <= 0) return Complaint{"the kernel does not tell the interfaces"};
    const auto seen = read_messages(buffer.data(), static_cast<std::size_t>(got), question);
    if (!seen) return seen.error();
    if (*seen == Seen::done) return {};
  }
}

}  // namespace sallyport
