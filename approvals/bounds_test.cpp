// Uses and upload, and who gets them.
#include "approvals/test_support.hpp"

#include <gmock/gmock.h>

namespace sallyport {
namespace {

using testing::HasSubstr;
using Fault = Approvals::DecideFault;

Decision with_uses(std::uint64_t uses) {
  Decision decision = approve();
  decision.uses = uses;
  return decision;
}

Decision once() {
  Decision decision = approve();
  decision.scope = Scope::once;
  return decision;
}

TEST_F(ApprovalsTest, BoundsThatMakeNoSenseAreRefused) {
  const std::string id = ask(question_of("bot", "a.example.com"));
  const auto refused = [&](auto change) {
    Decision decision = approve();
    change(decision);
    const auto result = approvals_->decide(id, decision, alice());
    return result.has_error() && result.error() == Fault::not_allowed;
  };
  EXPECT_TRUE(refused([](Decision& one) { one.ttl = std::chrono::seconds(0); }));
  EXPECT_TRUE(refused([](Decision& one) { one.ttl = std::chrono::seconds(-5); }));
  EXPECT_TRUE(refused([](Decision& one) { one.ttl = std::chrono::hours(24 * 365 * 50); }));
  EXPECT_TRUE(refused([](Decision& one) { one.uses = 0; }));
  EXPECT_TRUE(refused([](Decision& one) { one.upload = 0; }));
  EXPECT_TRUE(refused([](Decision& one) { one.uses = ~0ULL; }));
  EXPECT_TRUE(refused([](Decision& one) {
    one.scope = Scope::once;
    one.uses = 3;
  }));
  EXPECT_TRUE(refused([](Decision& one) {
    one.approve = false;
    one.upload = 3;
  }));
  EXPECT_EQ(approvals_->approval(id)->state, Approval::State::pending);
}

TEST_F(ApprovalsTest, OnceIsForThoseWhoWait) {
  Told told;
  const auto first = hold(question_of("bot", "a.example.com"), told);
  const auto second = hold(question_of("bot", "a.example.com"), told);
  const auto decided = decide(first.approval(), once());
  EXPECT_EQ(decided.released, 2U);
  EXPECT_TRUE(told.wait()->approved);
  const auto answer = told.wait();
  EXPECT_TRUE(answer->approved);
  EXPECT_TRUE(answer->bounded);
  EXPECT_FALSE(approvals_->find(question_of("bot", "a.example.com")));
  EXPECT_EQ(approvals_->grant(decided.grant->id)->end, Grant::End::used_up);
  EXPECT_TRUE(approvals_->lives(decided.grant->id));
  EXPECT_NE(ask(question_of("bot", "a.example.com")), first.approval());
  EXPECT_THAT(log_text(), HasSubstr("grants.used_up"));
}

TEST_F(ApprovalsTest, OnceWithNobodyWaitingIsForTheNext) {
  const auto decided = decide(ask(question_of("bot", "a.example.com")), once());
  const auto found = approvals_->find(question_of("bot", "a.example.com"));
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->bounded);
  EXPECT_TRUE(spend(decided.grant->id)->approved);
  EXPECT_FALSE(approvals_->find(question_of("bot", "a.example.com")));
  EXPECT_EQ(spend(decided.grant->id), std::nullopt);
}

TEST_F(ApprovalsTest, WhatLivesOnAUsedUpGrantEndsWithItsTime) {
  std::vector<Grant::End> ends;
  const auto subscription = approvals_->subscribe([&](const Approvals::Happening& happening) {
    if (const auto* ended = std::get_if<Approvals::Ended>(&happening)) ends.push_back(ended->grant.end);
  });
  const auto decided = decide(ask(question_of("bot", "a.example.com")), once());
  ASSERT_TRUE(spend(decided.grant->id));
  pass(std::chrono::hours(9));
  EXPECT_THAT(ends, testing::ElementsAre(Grant::End::used_up, Grant::End::expired));
  EXPECT_FALSE(approvals_->lives(decided.grant->id));
}

TEST_F(ApprovalsTest, AUsedUpGrantCanBeRevokedForWhatLivesOnIt) {
  const auto decided = decide(ask(question_of("bot", "a.example.com")), once());
  ASSERT_TRUE(spend(decided.grant->id));
  ASSERT_TRUE(approvals_->revoke(decided.grant->id, alice()).has_value());
  EXPECT_FALSE(approvals_->lives(decided.grant->id));
}

TEST_F(ApprovalsTest, ADenialOnceIsToldOnce) {
  Decision no;
  no.scope = Scope::once;
  decide(ask(question_of("bot", "a.example.com")), no);
  EXPECT_FALSE(approvals_->find(question_of("bot", "a.example.com"))->approved);
  EXPECT_FALSE(approvals_->find(question_of("bot", "a.example.com")));
}

TEST_F(ApprovalsTest, FewerUsesThanWaitGoToTheFirst) {
  std::vector<std::unique_ptr<Told>> told;
  std::vector<Approvals::Ticket> tickets;
  for (int i = 0; i < 5; ++i) {
    told.push_back(std::make_unique<Told>());
    tickets.push_back(hold(question_of("bot", "a.example.com"), *told.back()));
  }
  EXPECT_EQ(decide(tickets[0].approval(), with_uses(3)).released, 5U);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(told[i]->wait().has_value(), i < 3) << i;
  EXPECT_FALSE(approvals_->find(question_of("bot", "a.example.com")));
}

TEST_F(ApprovalsTest, UsesAreCountedOnDiskAndStaySpent) {
  const auto decided = decide(ask(question_of("bot", "a.example.com")), with_uses(3));
  EXPECT_TRUE(spend(decided.grant->id));
  EXPECT_TRUE(spend(decided.grant->id));
  reopen();
  EXPECT_EQ(approvals_->grant(decided.grant->id)->uses_left, 1U);
  EXPECT_TRUE(spend(decided.grant->id));
  EXPECT_EQ(spend(decided.grant->id), std::nullopt);
  reopen();
  EXPECT_EQ(approvals_->grant(decided.grant->id)->end, Grant::End::used_up);
  EXPECT_FALSE(approvals_->find(question_of("bot", "a.example.com")));
}

TEST_F(ApprovalsTest, ManyWhoSpendAtOnceGetNoMoreThanThereIs) {
  const auto decided = decide(ask(question_of("bot", "a.example.com")), with_uses(10));
  Told told;
  for (int i = 0; i < 40; ++i) approvals_->spend(decided.grant->id, told.listener());
  int got = 0;
  for (int i = 0; i < 40; ++i) got += told.wait() ? 1 : 0;
  EXPECT_EQ(got, 10);
}

TEST_F(ApprovalsTest, UploadIsReservedWholeAndGivenBack) {
  Decision decision = approve();
  decision.upload = 1000;
  Told first;
  Told second;
  const auto a = hold(question_of("bot", "a.example.com"), first);
  const auto b = hold(question_of("bot", "a.example.com"), second);
  const auto decided = decide(a.approval(), decision);
  const auto answer = first.wait();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->upload, 1000U);
  EXPECT_EQ(second.wait(), std::nullopt);
  EXPECT_FALSE(approvals_->find(question_of("bot", "a.example.com")));
  approvals_->give_back(answer->grant, 400);
  EXPECT_TRUE(approvals_->find(question_of("bot", "a.example.com")));
  EXPECT_EQ(spend(answer->grant)->upload, 400U);
  approvals_->give_back(answer->grant, 0);
  EXPECT_EQ(approvals_->grant(answer->grant)->end, Grant::End::used_up);
}

TEST_F(ApprovalsTest, GivingBackTwiceInventsNothing) {
  Decision decision = approve();
  decision.upload = 1000;
  const auto decided = decide(ask(question_of("bot", "a.example.com")), decision);
  ASSERT_TRUE(spend(decided.grant->id));
  approvals_->give_back(decided.grant->id, 5000);
  approvals_->give_back(decided.grant->id, 5000);
  EXPECT_EQ(approvals_->grant(decided.grant->id)->upload_left, 1000U);
}

TEST_F(ApprovalsTest, AReservationThatACrashCutStaysSpent) {
  Decision decision = approve();
  decision.upload = 1000;
  const auto decided = decide(ask(question_of("bot", "a.example.com")), decision);
  ASSERT_TRUE(spend(decided.grant->id));
  reopen();
  EXPECT_EQ(approvals_->grant(decided.grant->id)->end, Grant::End::used_up);
  EXPECT_FALSE(approvals_->find(question_of("bot", "a.example.com")));
}

}  // namespace
}  // namespace sallyport
