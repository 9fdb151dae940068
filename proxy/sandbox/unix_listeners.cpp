#include "proxy/sandbox/unix_listeners.hpp"

#include "proxy/sandbox/taken_descriptor.hpp"

#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

namespace sallyport {
namespace {

constexpr std::size_t most_known = 4096;
constexpr unsigned long file_of_socket = 0x89e0;  // SIOCUNIXFILE; its header and <sys/un.h> exclude each other

struct Request {
  nlmsghdr header;
  unix_diag_req body;
};

OwnedFd ask_for_all() {
  OwnedFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  Request request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.sdiag_family = AF_UNIX;
  request.body.udiag_states = ~0U;
  request.body.udiag_show = UDIAG_SHOW_VFS;
  if (::send(socket.get(), &request, sizeof request, 0) != sizeof request) return OwnedFd();
  return socket;
}

std::optional<unix_diag_vfs> file_in(std::span<const char> attributes) {
  while (attributes.size() >= sizeof(nlattr)) {
    nlattr head{};
    std::memcpy(&head, attributes.data(), sizeof head);
    if (head.nla_len < sizeof head || head.nla_len > attributes.size()) return std::nullopt;
    if (head.nla_type == UNIX_DIAG_VFS && head.nla_len >= sizeof head + sizeof(unix_diag_vfs)) {
      unix_diag_vfs file{};
      std::memcpy(&file, attributes.data() + sizeof head, sizeof file);
      return file;
    }
    attributes = attributes.subspan(std::min<std::size_t>(NLA_ALIGN(head.nla_len), attributes.size()));
  }
  return std::nullopt;
}

void add_bound(std::span<const char> body, std::vector<BoundSocket>& found) {
  unix_diag_msg socket{};
  if (body.size() < sizeof socket) return;
  std::memcpy(&socket, body.data(), sizeof socket);
  const auto file = file_in(body.subspan(std::min<std::size_t>(NLMSG_ALIGN(sizeof socket), body.size())));
  if (!file) return;
  const std::uint64_t cookie = socket.udiag_cookie[0] | std::uint64_t{socket.udiag_cookie[1]} << 32;
  found.push_back({cookie, socket.udiag_ino, file->udiag_vfs_ino});
}

}  // namespace

BoundSockets read_bound_sockets(std::span<const char> answer) {
  BoundSockets all;
  while (answer.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header{};
    std::memcpy(&header, answer.data(), sizeof header);
    const bool whole = header.nlmsg_len >= sizeof header && header.nlmsg_len <= answer.size();
    if (!whole || header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) break;
    add_bound(answer.subspan(sizeof header, header.nlmsg_len - sizeof header), all.found);
    answer = answer.subspan(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), answer.size()));
    if (answer.empty()) return all;
  }
  all.last = true;
  return all;
}

bool UnixListeners::has(const struct stat& file) {
  const File wanted(file.st_dev, file.st_ino);
  // Twice: a table that changes while it is read may leave one out.
  return is_in_table(wanted) || is_in_table(wanted);
}

bool UnixListeners::is_in_table(const File& file) {
  const OwnedFd table = ask_for_all();
  alignas(nlmsghdr) std::array<char, 32768> answer{};
  for (bool more = true; more;) {
    const ssize_t got = ::recv(table.get(), answer.data(), answer.size(), 0);
    if (got <= 0) return false;
    const auto read = read_bound_sockets(std::span(answer.data(), static_cast<std::size_t>(got)));
    for (const auto& socket : read.found) {
      if (socket.file == static_cast<std::uint32_t>(file.second) && file_of(socket) == file) return true;
    }
    more = !read.last;
  }
  return false;
}

std::optional<UnixListeners::File> UnixListeners::file_of(const BoundSocket& socket) {
  {
    const std::lock_guard lock(access_);
    if (const auto known = known_.find(socket.cookie); known != known_.end()) return known->second;
  }
  const OwnedFd taken = take_socket_from_anybody(proc_, socket.number);
  const OwnedFd place(taken.get() < 0 ? -1 : ::ioctl(taken.get(), file_of_socket, 0));
  struct stat found {};
  if (place.get() < 0 || ::fstat(place.get(), &found) != 0) return std::nullopt;
  const File file(found.st_dev, found.st_ino);
  const std::lock_guard lock(access_);
  if (known_.size() >= most_known) known_.clear();
  known_.emplace(socket.cookie, file);
  return file;
}

}  // namespace sallyport
