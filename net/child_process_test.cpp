#include "net/child_process.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace sallyport {
namespace {

// A program whose output is read.
struct Heard {
  explicit Heard(Spawn spawn) : child(start(std::move(spawn))) {}

  boost::system::result<ChildProcess> start(Spawn spawn) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    number = ends[0];
    const Descriptor theirs(ends[1]);
    spawn.output = theirs.get();
    return ChildProcess::start(spawn);
  }
  ~Heard() { ::close(number); }

  std::string line() {
    std::string text;
    char c = 0;
    while (::read(number, &c, 1) == 1 && c != '\n') text += c;
    return text;
  }

  int number = -1;
  boost::system::result<ChildProcess> child;
};

Spawn shell(const std::string& script) {
  return {{"/bin/sh", "-c", script}};
}

bool is_readable(int descriptor) {
  pollfd one{descriptor, POLLIN, 0};
  return ::poll(&one, 1, 20'000) == 1;
}

TEST(ChildProcess, SaysWhenItHasEndedAndHow) {
  auto child = ChildProcess::start(shell("exit 3"));
  ASSERT_TRUE(child);
  ASSERT_TRUE(is_readable(child->ended().get()));
  for (int times = 0; times < 2; ++times) EXPECT_EQ(WEXITSTATUS(child->end()), 3);
}

TEST(ChildProcess, HasNoStandardStreamsThatItIsNotGiven) {
  auto child =
      ChildProcess::start(shell("[ \"$(readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2 | sort -u)\" = "
                                "/dev/null ]"));
  ASSERT_TRUE(child);
  ASSERT_TRUE(is_readable(child->ended().get()));
  EXPECT_EQ(WEXITSTATUS(child->end()), 0);
}

TEST(ChildProcess, HasOursOfNothingButWhatItIsGiven) {
  const Descriptor leak(::open("/dev/null", O_RDONLY));
  std::signal(SIGPIPE, SIG_IGN);
  Spawn spawn =
      shell("[ -e /proc/$$/fd/" + std::to_string(leak.get()) +
            " ] && echo leaked; echo \"$A|$SALLYPORT_TEST|$(pwd)|$(grep SigIgn /proc/$$/status | tail -c 8)\"");
  ::setenv("SALLYPORT_TEST", "ours", 1);
  spawn.environment = {"A=b", "PATH=/usr/bin:/bin"};
  spawn.folder = "/";
  Heard other(spawn);
  std::signal(SIGPIPE, SIG_DFL);
  ASSERT_TRUE(other.child);
  EXPECT_EQ(other.line(), "b||/|0000000");
  Heard same(shell("echo \"$SALLYPORT_TEST\""));
  ASSERT_TRUE(same.child);
  EXPECT_EQ(same.line(), "ours");
  ::unsetenv("SALLYPORT_TEST");
}

TEST(ChildProcess, IsLookedForInPath) {
  auto child = ChildProcess::start({{"true"}});
  ASSERT_TRUE(child);
  ASSERT_TRUE(is_readable(child->ended().get()));
  EXPECT_EQ(child->end(), 0);
}

TEST(ChildProcess, ThatCannotBeStartedIsSaidSo) {
  const auto child = ChildProcess::start({{"/nowhere/at/all"}});
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error(), boost::system::errc::no_such_file_or_directory);
  Spawn spawn = shell("true");
  spawn.folder = "/nowhere";
  EXPECT_FALSE(ChildProcess::start(spawn));
}

TEST(ChildProcess, IsKilledWithItsGroup) {
  Heard heard(shell("sleep 60 & echo $!; sleep 60"));
  ASSERT_TRUE(heard.child);
  EXPECT_FALSE(heard.line().empty());
  const int status = heard.child->end();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  // Nobody holds the other end any more.
  EXPECT_EQ(heard.line(), "");
}

TEST(ChildProcess, IsKilledAndReapedWhenItsOwnerDies) {
  pid_t pid = -1;
  {
    Heard heard(shell("echo $$; exec sleep 60"));
    ASSERT_TRUE(heard.child);
    pid = static_cast<pid_t>(std::stol(heard.line()));
    const ChildProcess moved = std::move(*heard.child);
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

}  // namespace
}  // namespace sallyport
