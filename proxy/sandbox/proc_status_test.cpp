#include "proxy/sandbox/proc_status.hpp"

#include "proxy/sandbox/sandbox.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

namespace sallyport {
namespace {

std::string with_signals(const char* own, const char* shared, const char* blocked, const char* handled) {
  return std::string("Name:\tTgid: 7\nTgid:\t41\nSigPnd:\t") + own + "\nShdPnd:\t" + shared + "\nSigBlk:\t" + blocked +
         "\nSigCgt:\t" + handled + "\n";
}

TEST(ProcStatus, TellsTheProcessAThreadIsOf) {
  EXPECT_EQ(parse_proc_status(with_signals("0", "0", "0", "0")).process, 41);
  EXPECT_EQ(parse_proc_status("").process, 0);
  EXPECT_EQ(parse_proc_status("FDSize:\t64\n").descriptors, 64);
}

TEST(ProcStatus, IsInterruptedByWhatItHandlesAndLetsIn) {
  EXPECT_FALSE(parse_proc_status(with_signals("0", "0", "0", "ffff")).interrupted);
  EXPECT_TRUE(parse_proc_status(with_signals("2000", "0", "0", "2000")).interrupted);
  EXPECT_TRUE(parse_proc_status(with_signals("0", "0000000000002000", "0", "2000")).interrupted);
  EXPECT_FALSE(parse_proc_status(with_signals("2000", "0", "2000", "2000")).interrupted);
  EXPECT_FALSE(parse_proc_status(with_signals("2000", "0", "0", "0")).interrupted);
}

TEST(ProcStatus, IsReadOfThisProcessAndOfNoneThatIsMissing) {
  const OwnedFd proc(::open("/proc", O_PATH | O_CLOEXEC));
  const auto own = read_proc_status(proc.get(), ::getpid());
  ASSERT_TRUE(own);
  EXPECT_EQ(own->process, ::getpid());
  EXPECT_FALSE(read_proc_status(proc.get(), 999'999'999));
}

}  // namespace
}  // namespace sallyport
