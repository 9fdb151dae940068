// What the disk keeps, and what happens where it does not.
#include "approvals/store.hpp"

#include "approvals/test_support.hpp"
#include "telemetry/samples.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>

namespace sallyport {
namespace {

using testing::HasSubstr;

std::string complaint_of(const std::string& path) {
  try {
    const Store store(path);
  } catch (const std::exception& why) {
    return why.what();
  }
  return "no complaint";
}

// A disk that takes nothing more: files may not grow while it lives.
class FullDisk {
 public:
  explicit FullDisk(std::uint64_t size) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    previous_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit full{size, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &full);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, previous_);
  }

 private:
  rlimit before_{};
  void (*previous_)(int) = nullptr;
};

TEST_F(ApprovalsTest, TheFileIsItsOwnersAlone) {
  struct stat status {};
  ASSERT_EQ(::stat(store().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  approvals_.reset();
  std::filesystem::permissions(store(), std::filesystem::perms(0644));
  reopen();
  ASSERT_EQ(::stat(store().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(ApprovalsTest, A_12_ARestartFindsQuestionsAndAnswers) {
  Told told;
  auto ticket = hold(question_of("bot", "open.example.com"), told);
  ask(question_of("bot", "open.example.com"));
  Question request = question_of("bot", "[2001:db8::1]:8443", "r");
  request.method = "POST";
  request.path = "/v1/**";
  Decision no;
  no.note = samples::hostile;
  const auto denied = decide(ask(request), no);
  const auto approved = decide(ask(question_of("bot", "yes.example.com")), approve());
  const auto revoked = decide(ask(question_of("bot", "gone.example.com")), approve());
  ASSERT_TRUE(approvals_->revoke(revoked.grant->id, alice()).has_value());
  const auto before = *approvals_->approval(ticket.approval());
  reopen();
  const auto after = approvals_->approval(ticket.approval());
  ASSERT_TRUE(after);
  EXPECT_EQ(after->waiting, 0U);
  EXPECT_EQ(after->tries, 2U);
  EXPECT_EQ(after->question.key(), before.question.key());
  EXPECT_EQ(after->first_seen, before.first_seen);
  EXPECT_EQ(after->first.correlation, "c-1");
  EXPECT_EQ(ask(question_of("bot", "open.example.com")), ticket.approval());
  EXPECT_TRUE(approvals_->find(question_of("bot", "yes.example.com"))->approved);
  EXPECT_FALSE(approvals_->find(request)->approved);
  EXPECT_EQ(approvals_->find(request)->note, samples::hostile);
  EXPECT_FALSE(approvals_->find(question_of("bot", "gone.example.com")));
  EXPECT_FALSE(approvals_->lives(revoked.grant->id));
  EXPECT_EQ(approvals_->decide(approved.approval.id, Decision{}, alice()).error(), Approvals::DecideFault::decided);
  EXPECT_EQ(approvals_->decide(denied.approval.id, approve(), alice()).error(), Approvals::DecideFault::decided);
  EXPECT_EQ(approvals_->approval(approved.approval.id)->by.name, "alice");
}

TEST_F(ApprovalsTest, A_12_WhatEndedWhileItWasDownHasEnded) {
  const auto decided = decide(ask(question_of("bot", "a.example.com")), approve());
  approvals_.reset();
  now_ = now_.load() + std::chrono::hours(9);
  reopen();
  EXPECT_EQ(approvals_->grant(decided.grant->id)->end, Grant::End::expired);
  EXPECT_FALSE(approvals_->find(question_of("bot", "a.example.com")));
}

TEST_F(ApprovalsTest, AnAgentsWordsComeBackAsTheyWere) {
  Circumstances hostile = circumstances();
  hostile.access_reason = samples::hostile;
  hostile.request_path = std::string("/\0x", 3);
  hostile.process = ProcessInfo{42, samples::hostile, samples::hostile, "/usr/bin/curl", 0, 0, {{7, samples::hostile}}};
  hostile.context = AgentContext{"s", "t", samples::hostile, "", ""};
  hostile.source = Address::v4({10, 0, 0, 1});
  hostile.door = Door::attached;
  const auto id = approvals_->ask(question_of("bot", "a.example.com"), hostile);
  reopen();
  const Circumstances first = approvals_->approval(*id)->first;
  EXPECT_EQ(first.access_reason, hostile.access_reason);
  EXPECT_EQ(first.request_path, hostile.request_path);
  EXPECT_EQ(first.process->cmd_line, samples::hostile);
  ASSERT_EQ(first.process->parents.size(), 1U);
  EXPECT_EQ(first.process->parents[0].pid, 7);
  EXPECT_EQ(first.process->parents[0].name, samples::hostile);
  EXPECT_EQ(first.context->tool, samples::hostile);
  EXPECT_EQ(first.source, hostile.source);
  EXPECT_EQ(first.door, Door::attached);
}

TEST_F(ApprovalsTest, AFileThatIsNotWholeIsNamedAndLeftAlone) {
  approvals_.reset();
  const std::string path = folder_ + "/broken.db";
  const auto write = [&](const std::string& bytes) { std::ofstream(path, std::ios::trunc) << bytes; };
  write("");
  EXPECT_THAT(complaint_of(path), testing::AllOf(HasSubstr(path), HasSubstr("empty"), HasSubstr("backup")));
  write(std::string(8192, 'x'));
  EXPECT_THAT(complaint_of(path), testing::AllOf(HasSubstr(path), HasSubstr("backup")));
  EXPECT_EQ(std::filesystem::file_size(path), 8192U);
  std::ifstream good(store(), std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(good)), {});
  for (std::size_t at = 4096; at < bytes.size(); at += 3) bytes[at] = 'x';
  write(bytes);
  EXPECT_THAT(complaint_of(path), testing::AllOf(HasSubstr(path), HasSubstr("backup")));
  EXPECT_THAT(complaint_of(folder_), HasSubstr(folder_));
  EXPECT_THAT(complaint_of(folder_ + "/missing/approvals.db"), HasSubstr("make its folder"));
}

TEST_F(ApprovalsTest, OneDaemonHasTheStore) {
  EXPECT_THAT(complaint_of(store()), HasSubstr("locked"));
}

TEST_F(ApprovalsTest, ADiskThatRefusesDecidesNothingAndOpensNothing) {
  const auto in_force = decide(ask(question_of("bot", "yes.example.com")), approve());
  Decision two = approve();
  two.uses = 2;
  const auto counted = decide(ask(question_of("bot", "twice.example.com")), two);
  const std::string open = ask(question_of("bot", "open.example.com"));
  Told told;
  const auto waiting = hold(question_of("bot", "open.example.com"), told);
  ASSERT_TRUE(log_->flush());
  {
    const FullDisk full(std::filesystem::file_size(store() + "-wal"));
    EXPECT_EQ(approvals_->decide(open, approve(), alice()).error(), Approvals::DecideFault::store);
    EXPECT_EQ(approvals_->approval(open)->state, Approval::State::pending);
    EXPECT_EQ(told.count(), 0U);
    EXPECT_FALSE(approvals_->find(question_of("bot", "open.example.com")));
    EXPECT_TRUE(approvals_->find(question_of("bot", "yes.example.com"))->approved);
    EXPECT_EQ(spend(counted.grant->id), std::nullopt);
    EXPECT_EQ(approvals_->revoke(in_force.grant->id, alice()).error(), Approvals::DecideFault::store);
    EXPECT_EQ(approvals_->ask(question_of("bot", "new.example.com"), {}).error(), Approvals::Fault::store);
    EXPECT_EQ(approvals_->hold(question_of("bot", "new.example.com"), {}, told.listener()).error(),
              Approvals::Fault::store);
    EXPECT_EQ(approvals_->hold(question_of("bot", "twice.example.com"), {}, told.listener()).error(),
              Approvals::Fault::store);
  }
  EXPECT_TRUE(spend(counted.grant->id));
  EXPECT_EQ(decide(open, approve()).released, 1U);
  EXPECT_TRUE(told.wait()->approved);
  ask(question_of("bot", "new.example.com"));
  EXPECT_THAT(log_text(), HasSubstr("could not be written to disk"));
  reopen();
  EXPECT_TRUE(approvals_->find(question_of("bot", "open.example.com"))->approved);
  EXPECT_EQ(approvals_->grant(counted.grant->id)->uses_left, 1U);
}

TEST_F(ApprovalsTest, ALogThatRefusesRefusesTheDecision) {
  const std::string open = ask(question_of("bot", "open.example.com"));
  log_->stop();
  EXPECT_EQ(approvals_->decide(open, approve(), alice()).error(), Approvals::DecideFault::store);
  EXPECT_FALSE(approvals_->find(question_of("bot", "open.example.com")));
  EXPECT_EQ(approvals_->approval(open)->state, Approval::State::pending);
  reopen();
  EXPECT_EQ(approvals_->approval(open)->state, Approval::State::pending);
}

TEST_F(ApprovalsTest, HistoryHasAnEnd) {
  limits_.pending_per_agent = 20000;
  limits_.max_pending = 20000;
  limits_.pending_ttl = std::chrono::seconds(10);
  reopen();
  const auto kept = decide(ask(question_of("bot", "kept.example.com")), approve());
  const std::string oldest = ask(question_of("bot", "oldest.example.com"));
  pass(std::chrono::seconds(11));
  for (int i = 0; i < 10'000; ++i) ask(question_of("bot", "h" + std::to_string(i) + ".example.com"));
  EXPECT_TRUE(approvals_->approval(oldest));
  pass(std::chrono::seconds(11));
  EXPECT_FALSE(approvals_->approval(oldest));
  EXPECT_TRUE(approvals_->approval(kept.approval.id));
  EXPECT_TRUE(approvals_->lives(kept.grant->id));
  reopen();
  EXPECT_FALSE(approvals_->approval(oldest));
  EXPECT_TRUE(approvals_->find(question_of("bot", "kept.example.com")));
}

}  // namespace
}  // namespace sallyport
