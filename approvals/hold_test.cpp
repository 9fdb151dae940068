// Many who ask, at once or on purpose.
#include "approvals/test_support.hpp"

#include <gmock/gmock.h>

#include <thread>

namespace sallyport {
namespace {

using Fault = Approvals::Fault;

std::string name(int number) {
  return "h" + std::to_string(number) + ".flood.example";
}

TEST_F(ApprovalsTest, A_04_AnAgentHasSoManyOpenQuestions) {
  limits_.pending_per_agent = 5;
  reopen();
  for (int i = 0; i < 5; ++i) ask(question_of("bot", name(i)));
  EXPECT_EQ(approvals_->ask(question_of("bot", name(5)), {}).error(), Fault::pending_per_agent);
  ask(question_of("bot", name(0)));
  ask(question_of("other", name(5)));
  EXPECT_EQ(approvals_->counts().pending, 6U);
}

TEST_F(ApprovalsTest, A_04_OneAgentDoesNotTakeTheLastPlaces) {
  limits_.max_pending = 20;
  limits_.pending_per_agent = 100;
  reopen();
  int got = 0;
  for (int i = 0; i < 50; ++i) got += approvals_->ask(question_of("flooder", name(i)), {}).has_value() ? 1 : 0;
  EXPECT_EQ(got, 11);
  for (int agent = 0; agent < 9; ++agent) ask(question_of("agent" + std::to_string(agent), name(0)));
  EXPECT_EQ(approvals_->counts().pending, 20U);
  EXPECT_EQ(approvals_->ask(question_of("late", name(0)), {}).error(), Fault::max_pending);
}

TEST_F(ApprovalsTest, A_04_AWholeDomainIsAnsweredInOneAct) {
  limits_.pending_per_agent = 100;
  limits_.max_pending = 100;
  reopen();
  for (int i = 0; i < 30; ++i) ask(question_of("bot", name(i)));
  const std::string other = ask(question_of("bot", "calm.example.com"));
  const auto decided = approvals_->decide_group("bot", "flood.example", Decision{}, alice());
  ASSERT_TRUE(decided.has_value());
  EXPECT_EQ(decided->size(), 30U);
  EXPECT_EQ(approvals_->counts().pending, 1U);
  EXPECT_FALSE(approvals_->find(question_of("bot", name(7)))->approved);
  EXPECT_EQ(approvals_->approval(other)->state, Approval::State::pending);
  EXPECT_EQ(approvals_->decide_group("bot", "flood.example", Decision{}, alice()).error(),
            Approvals::DecideFault::unknown);
  reopen();
  EXPECT_FALSE(approvals_->find(question_of("bot", name(29)))->approved);
}

TEST_F(ApprovalsTest, A_04_AnAgentAddsNothingToAGroupThatSomebodyLooksAt) {
  const std::string seen = ask(question_of("bot", name(1)));
  const std::string elsewhere = ask(question_of("bot", "calm.example.com"));
  const std::string later = ask(question_of("bot", name(2)));
  const std::set<std::string> shown{seen, elsewhere, "ap_none"};
  const auto decided = approvals_->decide_group("bot", "flood.example", approve(), alice(), shown);
  ASSERT_TRUE(decided.has_value());
  ASSERT_EQ(decided->size(), 1U);
  EXPECT_EQ(decided->front().approval.id, seen);
  EXPECT_EQ(approvals_->approval(later)->state, Approval::State::pending);
  EXPECT_EQ(approvals_->approval(elsewhere)->state, Approval::State::pending) << "of another domain";
}

TEST_F(ApprovalsTest, HeldConnectionsHaveAnEndAndLeavingFreesAPlace) {
  limits_.held_per_agent = 2;
  reopen();
  Told told;
  auto first = hold(question_of("bot", "a.example.com"), told);
  const auto second = hold(question_of("bot", "b.example.com"), told);
  const auto refused = approvals_->hold(question_of("bot", "a.example.com"), {}, told.listener());
  EXPECT_EQ(refused.error(), Fault::held_per_agent);
  const auto others = hold(question_of("other", "a.example.com"), told);
  first = {};
  const auto third = hold(question_of("bot", "a.example.com"), told);
  EXPECT_EQ(approvals_->counts().held, 3U);
}

TEST_F(ApprovalsTest, ATicketMayOutliveEverything) {
  Told told;
  const auto ticket = hold(question_of("bot", "a.example.com"), told);
  approvals_.reset();
  EXPECT_EQ(told.count(), 0U);
}

TEST_F(ApprovalsTest, NobodyIsToldAfterTheyLeft) {
  for (int round = 0; round < 50; ++round) {
    const std::string host = "r" + std::to_string(round) + ".example.com";
    std::atomic<bool> left{false};
    std::atomic<bool> told_late{false};
    auto ticket = approvals_->hold(question_of("bot", host), {},
                                   [&](const std::optional<Answer>&) { told_late = told_late || left; });
    ASSERT_TRUE(ticket.has_value());
    std::thread decider([&, id = ticket->approval()] { decide(id, approve()); });
    { const Approvals::Ticket gone(std::move(*ticket)); }
    left = true;
    decider.join();
    EXPECT_FALSE(told_late);
  }
}

TEST_F(ApprovalsTest, WhoIsToldMayDropTheTicketInTheSameCall) {
  std::promise<bool> told;
  Approvals::Ticket ticket;
  std::atomic<bool> ready{false};
  auto held = approvals_->hold(question_of("bot", "a.example.com"), {}, [&](const std::optional<Answer>& answer) {
    while (!ready) std::this_thread::yield();
    ticket = {};
    told.set_value(answer->approved);
  });
  ticket = std::move(*held);
  const std::string id = ticket.approval();
  ready = true;
  decide(id, approve());
  EXPECT_TRUE(told.get_future().get());
}

TEST_F(ApprovalsTest, A_10_OfManyWhoDecideAtOnceOneWins) {
  for (int round = 0; round < 20; ++round) {
    const std::string id = ask(question_of("bot", "r" + std::to_string(round) + ".example.com"));
    std::atomic<int> won{0};
    std::atomic<int> conflicts{0};
    std::vector<std::thread> deciders;
    deciders.reserve(4);
    for (int i = 0; i < 4; ++i) {
      deciders.emplace_back([&, i] {
        Decision decision;
        decision.approve = i % 2 == 0;
        const auto result = approvals_->decide(id, decision, alice());
        if (result) ++won;
        if (!result && result.error() == Approvals::DecideFault::decided) ++conflicts;
      });
    }
    for (std::thread& one : deciders) one.join();
    EXPECT_EQ(won, 1);
    EXPECT_EQ(conflicts, 3);
  }
}

// Everything at once, for the sanitizers.
TEST_F(ApprovalsTest, ThreadsMayDoAllOfItTogether) {
  limits_.pending_ttl = std::chrono::seconds(5);
  reopen();
  std::atomic<std::uint64_t> heard{0};
  const auto subscription = approvals_->subscribe([&](const Approvals::Happening&) { ++heard; });
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int door = 0; door < 3; ++door) {
    threads.emplace_back([&, door] {
      for (int i = 0; i < 300; ++i) {
        const Question question = question_of("bot" + std::to_string(door), name(i % 7));
        if (const auto answer = approvals_->find(question)) {
          if (answer->bounded) approvals_->spend(answer->grant, [](const std::optional<Answer>&) {});
          approvals_->count_use(answer->grant);
          continue;
        }
        auto held = approvals_->hold(question, circumstances(), [](const std::optional<Answer>&) {});
        if (i % 3 == 0) std::this_thread::yield();
      }
    });
  }
  threads.emplace_back([&] {
    for (int i = 0; !stop; ++i) {
      for (const Approval& one : approvals_->approvals({})) {
        if (one.state != Approval::State::pending) continue;
        Decision decision;
        decision.approve = i % 3 != 0;
        if (i % 2 == 0) decision.uses = 2;
        if (i % 5 == 0) decision.scope = Scope::everyone;
        (void)approvals_->decide(one.id, decision, alice());
      }
      for (const Grant& one : approvals_->grants({})) (void)approvals_->revoke(one.id, alice());
      now_ = now_.load() + std::chrono::seconds(1);
      approvals_->sweep();
    }
  });
  for (int door = 0; door < 3; ++door) threads[static_cast<std::size_t>(door)].join();
  stop = true;
  threads.back().join();
  EXPECT_EQ(approvals_->counts().held, 0U);
  EXPECT_GT(heard, 0U);
}

TEST_F(ApprovalsTest, TenThousandWaitAndAreReleasedTogether) {
  limits_.held_per_agent = 20'000;
  reopen();
  std::atomic<int> told{0};
  std::vector<Approvals::Ticket> tickets;
  for (int i = 0; i < 10'000; ++i) {
    auto held = approvals_->hold(question_of("bot", "a.example.com"), {}, [&](const std::optional<Answer>& answer) {
      if (answer && answer->approved) ++told;
    });
    ASSERT_TRUE(held.has_value());
    tickets.push_back(std::move(*held));
  }
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(decide(tickets[0].approval(), approve()).released, 10'000U);
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(told, 10'000);
  RecordProperty("milliseconds", static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
}

}  // namespace
}  // namespace sallyport
