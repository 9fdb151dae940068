#include "proxy/sandbox/inside_devices.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace sallyport {
namespace {

TEST(InsideDevices, AreThoseThatLeadNowhere) {
  for (const char* path : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}) {
    struct stat found {};
    ASSERT_EQ(::stat(path, &found), 0) << path;
    EXPECT_TRUE(is_harmless_device(found.st_rdev)) << path;
  }
}

TEST(InsideDevices, AreNoOthersOfTheSameKinds) {
  for (const unsigned memory : {0U, 1U, 2U, 4U, 6U, 10U, 11U, 12U}) {
    EXPECT_FALSE(is_harmless_device(makedev(1, memory))) << memory;
  }
  for (const unsigned terminal : {1U, 2U, 3U}) EXPECT_FALSE(is_harmless_device(makedev(5, terminal))) << terminal;
  for (const unsigned misc : {200U, 223U, 229U, 232U, 238U, 241U}) EXPECT_FALSE(is_harmless_device(makedev(10, misc)));
  EXPECT_FALSE(is_harmless_device(makedev(4, 1)));
  EXPECT_FALSE(is_harmless_device(0));
}

}  // namespace
}  // namespace sallyport
