#include "telemetry/audit_log.hpp"

#include "telemetry/samples.hpp"
#include "telemetry/test_folder.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <thread>
#include <unistd.h>

namespace sallyport {
namespace {

using Activity = ConnectionEvent::Activity;

class AuditLogTest : public LogTest {
 protected:
  // No file of this process may grow beyond `bytes`: a full disk without one.
  static void fill_disk(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  static void empty_disk() {
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  static mode_t mode_of(const std::string& path) {
    struct stat status {};
    ::stat(path.c_str(), &status);
    return status.st_mode & 0777;
  }
  static std::string id(int number) { return "c-" + std::to_string(number); }
};

TEST_F(AuditLogTest, WritesAChainThatAnyoneCanCheck) {
  auto log = open();
  for (Event& event : samples::all()) ASSERT_TRUE(log->append(std::move(event)));
  ASSERT_TRUE(log->flush());
  const std::uint64_t written = log->counters().written;
  log->stop();
  EXPECT_FALSE(log->append(samples::connection(Activity::open)));
  const VerifyReport report = check();
  EXPECT_TRUE(report.whole()) << problems(report);
  EXPECT_EQ(report.lines, written + 1) << "the checkpoint of the stop";
  EXPECT_EQ(report.signed_up_to, report.lines - 1);
  const auto lines = lines_of(options_.path);
  for (std::size_t i = 1; i < lines.size(); ++i) {
    EXPECT_NE(lines[i].find("\"prev\":\"" + sha256_hex(lines[i - 1]) + "\""), std::string::npos);
  }
}

TEST_F(AuditLogTest, FilesAreNotForOthers) {
  ::umask(0);
  open()->stop();
  EXPECT_EQ(mode_of(options_.path), 0640U);
  EXPECT_EQ(mode_of(folder_ + "/log"), 0750U);
  EXPECT_EQ(mode_of(options_.key_path), 0600U);
  ::umask(022);
}

TEST_F(AuditLogTest, AKeyThatOthersCanReadIsRefused) {
  open()->stop();
  ::chmod(options_.key_path.c_str(), 0644);
  EXPECT_FALSE(AuditLog::open(options_).has_value());
}

TEST_F(AuditLogTest, OneProcessWritesALog) {
  const auto log = open();
  EXPECT_FALSE(AuditLog::open(options_).has_value());
}

TEST_F(AuditLogTest, GoesOnWhereItEnded) {
  for (int run = 0; run < 3; ++run) {
    auto log = open();
    EXPECT_TRUE(log->append(samples::connection(Activity::refuse)));
  }
  const VerifyReport report = check();
  EXPECT_TRUE(report.whole()) << problems(report);
  EXPECT_EQ(report.head.sequence, 6U);
}

TEST_F(AuditLogTest, ManyThreadsMakeOneChain) {
  auto log = open();
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) EXPECT_TRUE(log->append(samples::connection(Activity::refuse)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(log->flush(std::chrono::seconds(30)));
  log->stop();
  const VerifyReport report = check();
  EXPECT_TRUE(report.whole()) << problems(report);
  EXPECT_EQ(report.lines, 2001U);
}

TEST_F(AuditLogTest, RotatesSignsAndRetires) {
  options_.rotate_bytes = 20'000;
  options_.max_total_bytes = 60'000;
  auto log = open();
  for (int i = 0; i < 200; ++i) {
    EXPECT_TRUE(log->append(samples::connection(Activity::refuse)));
    const bool flushed = i % 10 != 9 || log->flush();
    EXPECT_TRUE(flushed);
  }
  log->stop();
  std::uintmax_t total = 0;
  for (const auto& file : log_files(options_.path)) total += std::filesystem::file_size(file);
  EXPECT_LT(total, 90'000U);
  EXPECT_GT(log_files(options_.path).size(), 1U);
  const VerifyReport report = check();
  EXPECT_TRUE(report.whole()) << problems(report);
  EXPECT_GT(report.first_sequence, 1U);
  EXPECT_NE(text().find("\"begins\":" + std::to_string(report.first_sequence)), std::string::npos);
}

TEST_F(AuditLogTest, L_06_AFileThatWasNotRetiredIsMissed) {
  options_.rotate_bytes = 20'000;
  options_.max_total_bytes = 60'000;
  auto log = open();
  for (int i = 0; i < 200; ++i) {
    EXPECT_TRUE(log->append(samples::connection(Activity::refuse)));
    const bool flushed = i % 10 != 9 || log->flush();
    EXPECT_TRUE(flushed);
  }
  log->stop();
  std::filesystem::remove(log_files(options_.path).front());
  EXPECT_FALSE(check().whole());
}

TEST_F(AuditLogTest, ATornLineIsEndedHashedAndToldOf) {
  open()->stop();
  {
    auto log = open();
    EXPECT_TRUE(log->append(samples::connection(Activity::refuse)));
  }
  std::ofstream(options_.path, std::ios::app) << R"({"class_uid":4001,"activ)";
  open()->stop();
  const VerifyReport report = check();
  EXPECT_TRUE(report.whole()) << problems(report);
  EXPECT_EQ(report.torn, 1U);
  EXPECT_EQ(count(text(), "\"log_torn\""), 2U) << "its name and its event";
}

TEST_F(AuditLogTest, AVeryFirstLineMayBeTorn) {
  std::filesystem::create_directories(folder_ + "/log");
  std::ofstream(options_.path) << R"({"class_uid":40)";
  open()->stop();
  const VerifyReport report = check();
  EXPECT_TRUE(report.whole()) << problems(report);
  EXPECT_EQ(report.head.sequence, 3U);
}

TEST_F(AuditLogTest, AFileOfOthersIsNotContinued) {
  std::filesystem::create_directories(folder_ + "/log");
  std::ofstream(options_.path) << "one\ntwo\nthree\n";
  EXPECT_FALSE(AuditLog::open(options_).has_value());
}

TEST_F(AuditLogTest, WhatACrashLeftOpenIsEndedOnce) {
  {
    auto log = open();
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(log->append(samples::connection(Activity::open, id(i))));
    EXPECT_TRUE(log->append(samples::connection(Activity::close, id(1))));
    ConnectionEvent traffic = samples::connection(Activity::traffic, id(2));
    traffic.cumulative = Traffic{777'001, 1};
    EXPECT_TRUE(log->append(traffic));
  }
  open()->stop();
  open()->stop();
  const std::string all = text();
  EXPECT_EQ(count(all, "\"closed_by\":\"crash\""), 3U);
  EXPECT_EQ(count(all, "\"type_uid\":400104"), 3U);
  EXPECT_EQ(count(all, "777001"), 2U) << "the last known total is kept";
  EXPECT_TRUE(check().whole());
}

TEST_F(AuditLogTest, WhatACrashLeftHeldIsEndedOnce) {
  {
    auto log = open();
    for (int i = 0; i < 5; ++i) {
      ConnectionEvent hold = samples::connection(Activity::hold, id(i));
      hold.origin.approval = "ap_" + id(i);
      EXPECT_TRUE(log->append(hold));
    }
    EXPECT_TRUE(log->append(samples::connection(Activity::refuse, id(0))));
    EXPECT_TRUE(log->append(samples::connection(Activity::fail, id(1)))) << "its client left";
    EXPECT_TRUE(log->append(samples::connection(Activity::open, id(2)))) << "released, and open when all ended";
    EXPECT_TRUE(log->append(samples::connection(Activity::open, id(3))));
    EXPECT_TRUE(log->append(samples::connection(Activity::hold, id(3)))) << "a later request of it waits too";
    EXPECT_TRUE(log->append(samples::connection(Activity::close, id(3))));
  }
  const std::string before = text();
  open()->stop();
  open()->stop();
  const std::string ends = text().substr(before.size());
  EXPECT_EQ(count(ends, "\"closed_by\":\"crash\""), 2U);
  EXPECT_EQ(count(ends, "\"correlation_uid\":\"" + id(2) + "\""), 1U);
  EXPECT_EQ(count(ends, "\"approval\":\"ap_" + id(4) + "\""), 1U);
  EXPECT_EQ(count(ends, "ended while this connection was held"), 1U);
  EXPECT_TRUE(check().whole());
}

TEST_F(AuditLogTest, KilledInTheMiddleItIsStillWhole) {
  options_.rotate_bytes = 100'000;
  // Those who are killed may have written nothing yet.
  EXPECT_TRUE(open()->append(samples::connection(Activity::open, "first")));
  for (int round = 0; round < 6; ++round) {
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      auto log = AuditLog::open(options_);
      for (int i = 0; log; ++i) {
        if (!(*log)->append(samples::connection(Activity::open, std::to_string(round) + "-" + id(i)))) continue;
        if (i == 100 * (round + 1) && ::write(ready[1], "x", 1) != 1) break;
      }
      ::_exit(1);
    }
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(ready[0]);
    ::close(ready[1]);
  }
  open()->stop();
  const VerifyReport report = check();
  EXPECT_TRUE(report.whole()) << problems(report);
  const std::string all = text();
  EXPECT_EQ(count(all, "\"type_uid\":400101,"), count(all, "\"closed_by\":\"crash\""));
}

TEST_F(AuditLogTest, L_05_AFullDiskRefusesNewConnectionsAndIsToldOfLater) {
  std::vector<std::string> troubles;
  options_.on_trouble = [&troubles](const std::string& trouble) { troubles.push_back(trouble); };
  auto log = open();
  EXPECT_TRUE(log->append(samples::connection(Activity::open, "before")));
  ASSERT_TRUE(log->flush());
  fill_disk(std::filesystem::file_size(options_.path) + 100);
  EXPECT_TRUE(log->append(samples::connection(Activity::close, "before"))) << "an end is kept until it can be written";
  EXPECT_FALSE(log->flush(std::chrono::milliseconds(300)));
  EXPECT_FALSE(log->healthy());
  EXPECT_FALSE(log->append(samples::connection(Activity::open, "during")));
  EXPECT_EQ(log->counters().refused, 1U);
  empty_disk();
  EXPECT_TRUE(log->flush());
  EXPECT_TRUE(log->healthy());
  EXPECT_TRUE(log->append(samples::connection(Activity::open, "after")));
  log->stop();
  EXPECT_EQ(troubles, (std::vector<std::string>{options_.path + ": File too large", ""})) << "once each";
  const VerifyReport report = check();
  EXPECT_TRUE(report.whole()) << problems(report);
  const std::string all = text();
  EXPECT_EQ(count(all, "\"during\""), 0U);
  EXPECT_EQ(count(all, "\"before\""), 2U);
  EXPECT_EQ(count(all, "\"event\":\"log_gap\""), 1U);
}

TEST_F(AuditLogTest, L_05_TheQueueIsBoundedAndLossesAreCounted) {
  options_.queue = 8;
  options_.on_failure = OnFailure::proceed;
  auto log = open();
  fill_disk(std::filesystem::file_size(options_.path) + 10);
  EXPECT_TRUE(log->append(samples::connection(Activity::refuse)));
  EXPECT_FALSE(log->flush(std::chrono::milliseconds(300)));
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(log->append(samples::connection(Activity::open)));
  EXPECT_GE(log->counters().dropped, 12U);
  EXPECT_LE(log->counters().queued, 8U);
  empty_disk();
  EXPECT_TRUE(log->flush());
  const std::string lost = "\"lost\":" + std::to_string(log->counters().dropped);
  log->stop();
  EXPECT_EQ(count(text(), lost), 1U);
  EXPECT_TRUE(check().whole());
}

TEST_F(AuditLogTest, L_06_ARemovedFileIsNoticedAndToldOf) {
  auto log = open();
  EXPECT_TRUE(log->append(samples::connection(Activity::refuse)));
  ASSERT_TRUE(log->flush());
  std::filesystem::remove(options_.path);
  EXPECT_TRUE(log->append(samples::connection(Activity::refuse)));
  log->flush(std::chrono::seconds(5));
  for (int i = 0; i < 50 && !log->healthy(); ++i) log->flush(std::chrono::milliseconds(100));
  EXPECT_TRUE(log->append(samples::connection(Activity::refuse)));
  log->stop();
  EXPECT_EQ(count(text(), "\"event\":\"log_gap\""), 1U);
  const VerifyReport report = check();
  EXPECT_GT(report.first_sequence, 1U) << "and verification says that the beginning is missing";
}

}  // namespace
}  // namespace sallyport
