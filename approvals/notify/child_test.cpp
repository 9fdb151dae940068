#include "approvals/notify/child.hpp"

#include "net/within.hpp"

#include <boost/asio/co_spawn.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

namespace sallyport {
namespace {

using std::chrono::seconds;

class ChildTest : public testing::Test {
 protected:
  Result<Child::End> run(const std::string& script, const std::string& input = "",
                         Clock::duration limit = seconds(20)) {
    Result<Child::End> result = error_code(asio::error::not_found);
    const std::vector<std::string> arguments{"/bin/sh", "-c", script};
    asio::co_spawn(context_, finish(arguments, input, limit),
                   [&](const std::exception_ptr& failure, Result<Child::End> end) {
                     EXPECT_FALSE(failure);
                     result = std::move(end);
                   });
    context_.run();
    context_.restart();
    return result;
  }

 private:
  Task<Result<Child::End>> finish(std::vector<std::string> arguments, std::string input, Clock::duration limit) {
    auto child = Child::start(context_, arguments, input);
    if (!child) co_return error_code(asio::error::not_found);
    auto work = child->finish();
    auto end = co_await within(limit, std::move(work));
    co_return end;
  }

  asio::io_context context_;
};

TEST_F(ChildTest, ReadsItsInputAndIsListenedTo) {
  const auto end = run("cat; echo more >&2; exit 3", "{\"a\": 1}\n");
  ASSERT_TRUE(end.has_value()) << end.error().message();
  EXPECT_EQ(end->said, "{\"a\": 1}\nmore\n");
  EXPECT_EQ(end->status, 3);
}

TEST_F(ChildTest, GetsAnInputOfAnyLength) {
  const auto end = run("wc -c", std::string(1 << 20, 'x'));
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(std::stoul(end->said), 1U << 20);
}

TEST_F(ChildTest, InheritsNeitherEnvironmentNorDescriptorsNorSignals) {
  setenv("A_SECRET", "s3cret", 1);
  const int leak = ::open("/dev/null", O_RDONLY);
  std::signal(SIGPIPE, SIG_IGN);
  const auto end =
      run("/usr/bin/env | grep -c -v '^\\(PATH\\|HOME\\|PWD\\|SHLVL\\|_\\)='; ls /proc/$$/fd | tr '\\n' ' '; "
          "grep SigIgn /proc/$$/status | tail -c 8; pwd");
  std::signal(SIGPIPE, SIG_DFL);
  ::close(leak);
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->said, "0\n0 1 2 0000000\n/\n");
}

TEST_F(ChildTest, KeepsABoundedPartOfWhatIsPrinted) {
  const auto end = run("head -c 1000000 /dev/zero | tr '\\0' x");
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->said, std::string(4096, 'x'));
}

TEST_F(ChildTest, IsKilledWithItsChildrenWhenItsTimeIsOver) {
  const auto began = Clock::now();
  const auto end = run("sleep 60 & sleep 60", "", std::chrono::milliseconds(300));
  ASSERT_FALSE(end.has_value());
  EXPECT_EQ(end.error(), asio::error::timed_out);
  EXPECT_LT(Clock::now() - began, seconds(20));
}

TEST_F(ChildTest, IsNotWaitedForByWhatItLeavesBehind) {
  const auto began = Clock::now();
  const auto end = run("sleep 60 & echo $!");
  ASSERT_TRUE(end.has_value());
  EXPECT_LT(Clock::now() - began, seconds(20));
  // Killed; whoever adopts it reaps it.
  const auto left = static_cast<pid_t>(std::stol(end->said));
  for (int tries = 0; tries < 500 && ::kill(left, 0) == 0; ++tries) {
    const std::string stat = "/proc/" + std::to_string(left) + "/stat";
    std::string text;
    if (FILE* file = std::fopen(stat.c_str(), "r")) {
      std::array<char, 256> bytes{};
      text.assign(bytes.data(), std::fread(bytes.data(), 1, bytes.size(), file));
      std::fclose(file);
    }
    if (text.find(") Z") != std::string::npos) return;
    ::usleep(10'000);
  }
  EXPECT_NE(::kill(left, 0), 0);
}

TEST_F(ChildTest, ThatCannotBeStartedIsSaidSo) {
  asio::io_context context;
  const auto child = Child::start(context, {"/nowhere/at/all"}, "");
  ASSERT_FALSE(child.has_value());
  EXPECT_THAT(child.error().text, testing::HasSubstr("No such file"));
}

}  // namespace
}  // namespace sallyport
