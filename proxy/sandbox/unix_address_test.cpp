#include "proxy/sandbox/unix_address.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

namespace sallyport {
namespace {

std::optional<std::string> pathname(const std::string& name, sa_family_t family = AF_UNIX) {
  std::string address(sizeof family, '\0');
  std::memcpy(address.data(), &family, sizeof family);
  address += name;
  return pathname_of(address);
}

TEST(PathnameOf, EndsAtTheFirstNulOrWhereTheAddressEnds) {
  EXPECT_EQ(pathname(std::string("/tmp/a\0rest", 11)), "/tmp/a");
  EXPECT_EQ(pathname("/tmp/a"), "/tmp/a");
  EXPECT_EQ(pathname("x"), "x");
  const std::string longest(sizeof(sockaddr_un::sun_path), 'x');
  EXPECT_EQ(pathname(longest), longest);
}

TEST(PathnameOf, IsNoneOfWhatTheKernelTakesForNoPath) {
  EXPECT_FALSE(pathname(""));
  EXPECT_FALSE(pathname(std::string("\0abstract", 9)));
  EXPECT_FALSE(pathname(std::string(1, '\0')));
  EXPECT_FALSE(pathname("/tmp/a", AF_INET));
  EXPECT_FALSE(pathname("/tmp/a", AF_UNSPEC));
  EXPECT_FALSE(pathname(std::string(sizeof(sockaddr_un::sun_path) + 1, 'x')));
  EXPECT_FALSE(pathname_of({}));
  EXPECT_FALSE(pathname_of(std::string("\1")));
}

TEST(BelowOwnProcess, IsWhatTheProcessItselfMeans) {
  EXPECT_EQ(below_own_process("/proc/self/cwd/x"), "cwd/x");
  EXPECT_EQ(below_own_process("/proc/thread-self/fd/3/x"), "fd/3/x");
  EXPECT_EQ(below_own_process("/dev/fd/3"), "fd/3");
  for (const char* other : {"/proc/1/root/x", "/proc/selfish", "proc/self/x", "/dev/fdx", "/tmp/proc/self/x", ""}) {
    EXPECT_FALSE(below_own_process(other)) << other;
  }
}

}  // namespace
}  // namespace sallyport
