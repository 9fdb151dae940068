#include "proxy/monitor/attach_message.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sallyport {
namespace {

constexpr std::size_t most_descriptors = 8;

}  // namespace

FlatEnd FlatEnd::of(const Address& address, std::uint16_t port) {
  FlatEnd end;
  const auto bytes = address.bytes();
  std::copy(bytes.begin(), bytes.end(), end.address.begin());
  end.port = port;
  end.is_v4 = address.is_v4();
  return end;
}

Address FlatEnd::value() const {
  if (!is_v4) return Address::v6(address);
  return Address::v4({address[0], address[1], address[2], address[3]});
}

FlatProcess FlatProcess::of(const ProcessInfo& process) {
  FlatProcess flat;
  flat.pid = process.pid;
  flat.device = process.device;
  flat.inode = process.inode;
  flat.name.set(process.name);
  flat.cmd_line.set(process.cmd_line);
  flat.path.set(process.path);
  flat.parents = static_cast<std::uint32_t>(std::min(process.parents.size(), flat.parent_pids.size()));
  for (std::size_t i = 0; i < flat.parents; ++i) {
    flat.parent_pids[i] = process.parents[i].pid;
    flat.parent_names[i].set(process.parents[i].name);
  }
  return flat;
}

ProcessInfo FlatProcess::value() const {
  ProcessInfo process{pid, name.text(), cmd_line.text(), path.text(), device, inode};
  for (std::size_t i = 0; i < std::min<std::size_t>(parents, parent_pids.size()); ++i)
    process.parents.push_back({parent_pids[i], parent_names[i].text()});
  return process;
}

bool send_message(int socket, const void* bytes, std::size_t size, const std::vector<int>& descriptors) {
  iovec part{const_cast<void*>(bytes), size};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * most_descriptors)> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    if (descriptors.size() > most_descriptors) return false;
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors.size());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
    std::memcpy(CMSG_DATA(header), descriptors.data(), sizeof(int) * descriptors.size());
  }
  ssize_t sent = -1;
  do {
    sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(size);
}

bool receive_message(int socket, void* bytes, std::size_t size, DescriptorList& descriptors) {
  iovec part{bytes, size};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * most_descriptors)> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got = -1;
  do {
    got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_TRUNC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return false;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      descriptors.push_back(std::make_unique<Descriptor>(descriptor));
    }
  }
  return got == static_cast<ssize_t>(size) && (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
}

}  // namespace sallyport
