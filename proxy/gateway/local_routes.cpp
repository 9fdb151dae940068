#include "proxy/gateway/local_routes.hpp"

#include "net/descriptor.hpp"

#include <linux/fib_rules.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <unistd.h>
#include <vector>

namespace sallyport {
namespace {

// One rtnetlink request: header, fixed part, attributes.
class Message {
 public:
  template <class Fixed>
  Message(int type, int flags, const Fixed& fixed) {
    nlmsghdr header{};
    header.nlmsg_type = static_cast<std::uint16_t>(type);
    header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    header.nlmsg_seq = 1;
    append(&header, sizeof header);
    append(&fixed, sizeof fixed);
  }

  Message& with(int type, std::uint32_t value) {
    rtattr attribute{};
    attribute.rta_type = static_cast<std::uint16_t>(type);
    attribute.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(sizeof value));
    append(&attribute, sizeof attribute);
    append(&value, sizeof value);
    return *this;
  }

  std::vector<char> bytes() const {
    std::vector<char> out = bytes_;
    const auto size = static_cast<std::uint32_t>(out.size());
    std::memcpy(out.data(), &size, sizeof size);
    return out;
  }

 private:
  void append(const void* data, std::size_t size) {
    const auto* start = static_cast<const char*>(data);
    bytes_.insert(bytes_.end(), start, start + size);
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
  }
  std::vector<char> bytes_;
};

Complaint system_complaint(const std::string& what, int error) {
  return Complaint{what + ": " + std::strerror(error) + (error == EPERM ? " (CAP_NET_ADMIN is needed)" : "")};
}

// Sends one message; `each` sees every part of the answer. The value is 0 or the kernel's errno.
template <class Each>
int exchange(const Message& message, Each each) {
  const Descriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (socket.get() < 0) return errno;
  const std::vector<char> bytes = message.bytes();
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (::sendto(socket.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) < 0) {
    return errno;
  }
  std::vector<char> buffer(64 * 1024);
  while (true) {
    const ssize_t got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) return EPIPE;
    auto left = static_cast<unsigned>(got);
    for (auto* part = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(part, left); part = NLMSG_NEXT(part, left)) {
      if (part->nlmsg_type == NLMSG_DONE) return 0;
      if (part->nlmsg_type == NLMSG_ERROR) return -static_cast<nlmsgerr*>(NLMSG_DATA(part))->error;
      each(*part);
    }
  }
}

int change(const Message& message) {
  return exchange(message, [](const nlmsghdr&) {});
}

Message rule(int type, int flags, int family) {
  fib_rule_hdr header{};
  header.family = static_cast<std::uint8_t>(family);
  header.action = FR_ACT_TO_TBL;
  Message message(type, flags | NLM_F_ACK, header);
  message.with(FRA_PRIORITY, local_routes_priority).with(FRA_TABLE, local_routes_table);
  return message;
}

// `local default dev lo`: what is looked up here is for this host.
Message route(int type, int flags, int family, unsigned loopback) {
  rtmsg header{};
  header.rtm_family = static_cast<std::uint8_t>(family);
  header.rtm_type = RTN_LOCAL;
  header.rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
  header.rtm_protocol = RTPROT_STATIC;
  Message message(type, flags | NLM_F_ACK, header);
  message.with(RTA_TABLE, local_routes_table).with(RTA_OIF, loopback);
  return message;
}

std::optional<std::uint32_t> number(const nlmsghdr& part, std::size_t fixed, int type) {
  const char* data = static_cast<const char*>(NLMSG_DATA(const_cast<nlmsghdr*>(&part))) + NLMSG_ALIGN(fixed);
  auto left = static_cast<int>(part.nlmsg_len - NLMSG_LENGTH(fixed));
  for (auto* at = reinterpret_cast<rtattr*>(const_cast<char*>(data)); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
    if (at->rta_type != type || RTA_PAYLOAD(at) < sizeof(std::uint32_t)) continue;
    std::uint32_t value = 0;
    std::memcpy(&value, RTA_DATA(at), sizeof value);
    return value;
  }
  return std::nullopt;
}

// No kernel since 2012 lacks IPv6, but one may be started without it; then there is nothing to steer.
bool no_such_family(int error) {
  return error == EAFNOSUPPORT || error == EOPNOTSUPP;
}

struct Found {
  bool rule = false;
  bool route = false;
  int error = 0;
};

Found look(int family, std::uint32_t mark, unsigned loopback) {
  Found found;
  fib_rule_hdr any_rule{};
  any_rule.family = static_cast<std::uint8_t>(family);
  found.error = exchange(Message(RTM_GETRULE, NLM_F_DUMP, any_rule), [&](const nlmsghdr& part) {
    constexpr std::size_t fixed = sizeof(fib_rule_hdr);
    if (part.nlmsg_type != RTM_NEWRULE || part.nlmsg_len < NLMSG_LENGTH(fixed)) return;
    found.rule |= number(part, fixed, FRA_PRIORITY) == local_routes_priority &&
                  number(part, fixed, FRA_TABLE) == local_routes_table && number(part, fixed, FRA_FWMARK) == mark;
  });
  if (found.error != 0) return found;
  rtmsg any_route{};
  any_route.rtm_family = static_cast<std::uint8_t>(family);
  found.error = exchange(Message(RTM_GETROUTE, NLM_F_DUMP, any_route), [&](const nlmsghdr& part) {
    constexpr std::size_t fixed = sizeof(rtmsg);
    if (part.nlmsg_type != RTM_NEWROUTE || part.nlmsg_len < NLMSG_LENGTH(fixed)) return;
    const auto* header = static_cast<const rtmsg*>(NLMSG_DATA(const_cast<nlmsghdr*>(&part)));
    found.route |= header->rtm_type == RTN_LOCAL && header->rtm_dst_len == 0 &&
                   number(part, fixed, RTA_TABLE) == local_routes_table && number(part, fixed, RTA_OIF) == loopback;
  });
  return found;
}

const char* name_of(int family) {
  return family == AF_INET ? "IPv4" : "IPv6";
}

Outcome<void> remove_family(int family, unsigned loopback) {
  // Rules of an earlier start with another mark are siblings; the bound is against a kernel that never says "none".
  int error = 0;
  for (int count = 0; count < 64 && error == 0; ++count) error = change(rule(RTM_DELRULE, 0, family));
  if (error != ENOENT && error != 0 && !no_such_family(error)) {
    return system_complaint(std::string("the routing rule of tproxy for ") + name_of(family) + " can't be removed",
                            error);
  }
  error = 0;
  for (int count = 0; count < 64 && error == 0; ++count) error = change(route(RTM_DELROUTE, 0, family, loopback));
  if (error != ESRCH && error != ENOENT && error != 0 && !no_such_family(error)) {
    return system_complaint(std::string("the route of tproxy for ") + name_of(family) + " can't be removed", error);
  }
  return {};
}

Outcome<void> add_family(int family, std::uint32_t mark, unsigned loopback) {
  const Found found = look(family, mark, loopback);
  if (no_such_family(found.error) || (found.error == 0 && found.rule && found.route)) return {};
  if (auto removed = remove_family(family, loopback); !removed) return removed;
  const std::string what = std::string("the routing of tproxy for ") + name_of(family) + " can't be added";
  if (const int error = change(route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, family, loopback)); error != 0) {
    return system_complaint(what, error);
  }
  Message marked = rule(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, family);
  marked.with(FRA_FWMARK, mark);
  if (const int error = change(marked); error != 0 && error != EEXIST) return system_complaint(what, error);
  return {};
}

}  // namespace

Outcome<void> add_local_routes(std::uint32_t mark) {
  const unsigned loopback = ::if_nametoindex("lo");
  if (loopback == 0) return system_complaint("the interface lo can't be found", errno);
  if (auto added = add_family(AF_INET, mark, loopback); !added) return added;
  return add_family(AF_INET6, mark, loopback);
}

Outcome<void> check_local_routes(std::uint32_t mark) {
  const unsigned loopback = ::if_nametoindex("lo");
  for (const int family : {AF_INET, AF_INET6}) {
    const Found found = look(family, mark, loopback);
    if (no_such_family(found.error)) continue;
    if (found.error != 0) return system_complaint("the routing rules can't be listed", found.error);
    if (!found.rule) return Complaint{std::string("the routing rule of tproxy for ") + name_of(family) + " is missing"};
    if (!found.route) return Complaint{std::string("the route of tproxy for ") + name_of(family) + " is missing"};
  }
  return {};
}

Outcome<void> remove_local_routes() {
  const unsigned loopback = ::if_nametoindex("lo");
  if (auto removed = remove_family(AF_INET, loopback); !removed) return removed;
  return remove_family(AF_INET6, loopback);
}

}  // namespace sallyport
