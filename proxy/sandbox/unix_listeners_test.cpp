#include "proxy/sandbox/unix_listeners.hpp"

#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <unistd.h>

namespace sallyport {
namespace {

template <class T>
std::string bytes_of(const T& value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

std::string message(std::uint16_t type, const std::string& body) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + body.size());
  header.nlmsg_type = type;
  std::string text = bytes_of(header) + body;
  text.resize(NLMSG_ALIGN(text.size()));
  return text;
}

std::string socket_message(std::uint32_t number, const std::string& attributes) {
  unix_diag_msg socket{};
  socket.udiag_ino = number;
  socket.udiag_cookie[0] = number + 1;
  socket.udiag_cookie[1] = 2;
  return message(20, bytes_of(socket) + attributes);
}

std::string attribute(std::uint16_t type, const std::string& value) {
  nlattr head{};
  head.nla_type = type;
  head.nla_len = static_cast<std::uint16_t>(sizeof head + value.size());
  std::string text = bytes_of(head) + value;
  text.resize(NLA_ALIGN(text.size()));
  return text;
}

std::string bound_to(std::uint32_t inode) {
  return attribute(UNIX_DIAG_NAME, "/x") + attribute(UNIX_DIAG_VFS, bytes_of(unix_diag_vfs{inode, 9}));
}

TEST(BoundSockets, AreThoseWithAPlaceInTheFileSystem) {
  const auto read =
      read_bound_sockets(socket_message(10, bound_to(77)) + socket_message(11, "") +
                         socket_message(12, attribute(UNIX_DIAG_NAME, "abstract")) + socket_message(13, bound_to(78)));
  EXPECT_FALSE(read.last);
  constexpr std::uint64_t upper = std::uint64_t{2} << 32;
  EXPECT_EQ(read.found, (std::vector<BoundSocket>{{upper | 11, 10, 77}, {upper | 14, 13, 78}}));
}

TEST(BoundSockets, EndWhereTheKernelSaysSoOrMakesNoSense) {
  EXPECT_TRUE(read_bound_sockets({}).last);
  EXPECT_TRUE(read_bound_sockets(message(NLMSG_DONE, "1234")).last);
  EXPECT_TRUE(read_bound_sockets(message(NLMSG_ERROR, "1234")).last);
  const std::string whole = socket_message(10, bound_to(77));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto read = read_bound_sockets(whole.substr(0, size));
    EXPECT_TRUE(read.found.empty() && read.last) << size;
  }
  std::string broken = whole;
  broken[sizeof(nlmsghdr) + sizeof(unix_diag_msg)] = 1;  // an attribute shorter than its own head
  EXPECT_TRUE(read_bound_sockets(broken).found.empty());
}

TEST(UnixListeners, AreKnownByTheFileThatTheySayIsTheirs) {
  if (::geteuid() != 0) GTEST_SKIP() << "asking a socket for its file needs CAP_NET_ADMIN";
  std::string folder = "/tmp/sallyport-listeners-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const OwnedFd proc(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  UnixListeners listeners(proc.get());
  struct stat own {
  }, dead{}, plain{};
  {
    const OwnedFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    (folder + "/own").copy(at.sun_path, sizeof at.sun_path - 1);
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    ASSERT_EQ(::link((folder + "/own").c_str(), (folder + "/linked").c_str()), 0);
    ASSERT_EQ(::stat((folder + "/linked").c_str(), &own), 0);
    EXPECT_TRUE(listeners.has(own));
    struct stat elsewhere = own;
    ++elsewhere.st_dev;  // the table alone doesn't tell them apart
    EXPECT_FALSE(listeners.has(elsewhere));
  }
  ASSERT_EQ(::stat((folder + "/own").c_str(), &dead), 0);
  EXPECT_FALSE(listeners.has(dead));
  ASSERT_EQ(::stat(folder.c_str(), &plain), 0);
  EXPECT_FALSE(listeners.has(plain));
  ::unlink((folder + "/own").c_str());
  ::unlink((folder + "/linked").c_str());
  ::rmdir(folder.c_str());
}

}  // namespace
}  // namespace sallyport
