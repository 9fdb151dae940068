#include "proxy/sandbox/descriptor_passing.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace sallyport {
namespace {

constexpr std::size_t most_text = 4096;

using Control = std::array<char, CMSG_SPACE(sizeof(int) * most_passed_descriptors)>;

void take_descriptors(const cmsghdr& header, std::vector<OwnedFd>& descriptors) {
  const std::size_t count = (header.cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (std::size_t i = 0; i < count; ++i) {
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(&header) + i * sizeof(int), sizeof(int));
    descriptors.emplace_back(descriptor);
  }
}

}  // namespace

bool send_descriptors(int channel, char word, const std::vector<int>& all) {
  if (all.size() > most_passed_descriptors) return false;
  iovec part{&word, 1};
  alignas(cmsghdr) Control control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = CMSG_SPACE(sizeof(int) * all.size());
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int) * all.size());
  std::memcpy(CMSG_DATA(header), all.data(), sizeof(int) * all.size());
  return ::sendmsg(channel, &message, MSG_NOSIGNAL) == 1;
}

std::optional<std::string> receive_descriptors(int channel, std::vector<OwnedFd>& descriptors) {
  std::string text(most_text, '\0');
  iovec part{text.data(), text.size()};
  alignas(cmsghdr) Control control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got = -1;
  do {
    got = ::recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return std::nullopt;
  text.resize(static_cast<std::size_t>(got));
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) take_descriptors(*header, descriptors);
  }
  return text;
}

}  // namespace sallyport
