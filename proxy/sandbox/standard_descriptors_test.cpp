#include "proxy/sandbox/standard_descriptors.hpp"

#include "proxy/sandbox/sandbox.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

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

}  // namespace
}  // namespace sallyport
