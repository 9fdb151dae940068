#include "proxy/sandbox/standard_descriptors.hpp"

#include "proxy/sandbox/sandbox.hpp"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <unistd.h>

namespace sallyport {
namespace {

bool are_taken(int as_input) {
  const OwnedFd before(::dup(STDIN_FILENO));
  ::dup2(as_input, STDIN_FILENO);
  const bool taken = check_standard_descriptors().has_value();
  before.get() < 0 ? ::close(STDIN_FILENO) : ::dup2(before.get(), STDIN_FILENO);
  return taken;
}

TEST(StandardDescriptors, MayBeSocketsWithOnePeerAndNoOthers) {
  for (const int type : {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM}) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
    const OwnedFd one(ends[0]), other(ends[1]);
    EXPECT_EQ(are_taken(one.get()), type != SOCK_DGRAM);
  }
  for (const int family : {AF_UNIX, AF_INET}) {
    const OwnedFd alone(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_FALSE(are_taken(alone.get()));
  }
}

bool is_taken(const char* path, int flags) {
  const OwnedFd opened(::open(path, flags | O_CLOEXEC));
  EXPECT_GE(opened.get(), 0) << path;
  return are_taken(opened.get());
}

TEST(StandardDescriptors, MayBeFilesPipesTerminalsAndHarmlessDevices) {
  EXPECT_TRUE(is_taken("/proc/self/exe", O_RDONLY));
  EXPECT_TRUE(is_taken("/tmp", O_TMPFILE | O_RDWR));
  for (const char* device : {"/dev/null", "/dev/zero", "/dev/urandom"}) EXPECT_TRUE(is_taken(device, O_RDONLY));
  EXPECT_TRUE(is_taken("/dev/ptmx", O_RDWR | O_NOCTTY));
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const OwnedFd out(ends[0]), in(ends[1]);
  EXPECT_TRUE(are_taken(out.get()));
}

TEST(StandardDescriptors, MayBeNoPlacesAndNothingWithoutAName) {
  for (const char* folder : {"/", ".", "/proc/self/fd"}) {
    EXPECT_FALSE(is_taken(folder, O_RDONLY | O_DIRECTORY));
    EXPECT_FALSE(is_taken(folder, O_PATH));
  }
  for (const char* file : {"/proc/self/exe", "/dev/null"}) EXPECT_FALSE(is_taken(file, O_PATH));
  EXPECT_FALSE(is_taken("/proc/self/exe", O_PATH | O_NOFOLLOW));
  const OwnedFd poll(::epoll_create1(EPOLL_CLOEXEC));
  EXPECT_FALSE(are_taken(poll.get()));
}

TEST(StandardDescriptors, MayBeClosed) {
  const OwnedFd before(::dup(STDIN_FILENO));
  ::close(STDIN_FILENO);
  EXPECT_TRUE(check_standard_descriptors().has_value());
  if (before.get() >= 0) ::dup2(before.get(), STDIN_FILENO);
}

}  // namespace
}  // namespace sallyport
