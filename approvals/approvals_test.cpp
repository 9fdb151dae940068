#include "approvals/test_support.hpp"

#include <gmock/gmock.h>

namespace sallyport {
namespace {

using testing::HasSubstr;

TEST_F(ApprovalsTest, A_02_EachQuestionWaitsByItself) {
  Told first;
  Told second;
  const auto a = hold(question_of("bot", "a.example.com"), first);
  const auto b = hold(question_of("bot", "b.example.com"), second);
  EXPECT_NE(a.approval(), b.approval());
  decide(a.approval(), approve());
  EXPECT_TRUE(first.wait()->approved);
  EXPECT_EQ(second.count(), 0U);
  EXPECT_EQ(approvals_->counts().held, 1U);
}

TEST_F(ApprovalsTest, A_03_ManyConnectionsToOneNameAreOneApproval) {
  std::vector<std::unique_ptr<Told>> told;
  std::vector<Approvals::Ticket> tickets;
  for (int i = 0; i < 500; ++i) {
    told.push_back(std::make_unique<Told>());
    tickets.push_back(hold(question_of("bot", "new.example.com"), *told.back()));
  }
  const auto pending = approvals_->approvals({});
  ASSERT_EQ(pending.size(), 1U);
  EXPECT_EQ(pending[0].waiting, 500U);
  EXPECT_EQ(pending[0].tries, 500U);
  EXPECT_EQ(pending[0].domain, "example.com");
  EXPECT_EQ(decide(pending[0].id, approve()).released, 500U);
  for (auto& one : told) EXPECT_TRUE(one->wait()->approved);
  EXPECT_EQ(approvals_->counts().held, 0U);
  EXPECT_EQ(approvals_->grants({}).at(0).used, 500U);
}

TEST_F(ApprovalsTest, TheAgentsReasonMayComeAfterTheQuestion) {
  const auto id = ask(question_of("bot", "a.example.com"));
  Circumstances said = circumstances();
  said.access_reason = "to read the manual";
  ASSERT_TRUE(approvals_->ask(question_of("bot", "a.example.com"), said));
  said.access_reason = "something else";
  ASSERT_TRUE(approvals_->ask(question_of("bot", "a.example.com"), said));
  EXPECT_EQ(approvals_->approval(id)->first.access_reason, "to read the manual");
  reopen();
  EXPECT_EQ(approvals_->approval(id)->first.access_reason, "to read the manual");
}

TEST_F(ApprovalsTest, ApprovingOnePostReleasesNoDelete) {
  Question post = question_of("bot", "api.example.com", "r");
  post.method = "POST";
  post.path = "/v1/**";
  Question removal = post;
  removal.method = "DELETE";
  Question elsewhere = post;
  elsewhere.path = "/v2/**";
  decide(ask(post), approve());
  EXPECT_TRUE(approvals_->find(post));
  EXPECT_FALSE(approvals_->find(removal));
  EXPECT_FALSE(approvals_->find(elsewhere));
}

TEST_F(ApprovalsTest, A_05_AnAnswerThatComesAfterTheClientLeftAwaitsItsReturn) {
  Told told;
  auto ticket = hold(question_of("bot", "slow.example.com"), told);
  const std::string id = ticket.approval();
  ticket = {};
  EXPECT_EQ(approvals_->counts().held, 0U);
  EXPECT_EQ(approvals_->approval(id)->waiting, 0U);
  EXPECT_EQ(decide(id, approve()).released, 0U);
  EXPECT_EQ(told.count(), 0U);
  const auto answer = approvals_->find(question_of("bot", "slow.example.com"));
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->approved);
  EXPECT_EQ(answer->approval, id);
  EXPECT_EQ(answer->by, "alice");
  EXPECT_FALSE(answer->bounded);
}

TEST_F(ApprovalsTest, A_06_TheExactHostAndTheAgentAreTheDefault) {
  decide(ask(question_of("bot", "a.evil.example")), approve());
  EXPECT_TRUE(approvals_->find(question_of("bot", "a.evil.example")));
  EXPECT_FALSE(approvals_->find(question_of("bot", "b.a.evil.example")));
  EXPECT_FALSE(approvals_->find(question_of("bot", "evil.example")));
  EXPECT_FALSE(approvals_->find(question_of("bot", "a.evil.example:22")));
  EXPECT_FALSE(approvals_->find(question_of("other", "a.evil.example")));
  EXPECT_FALSE(approvals_->find(question_of("bot", "a.evil.example", "another rule")));
}

TEST_F(ApprovalsTest, A_06_SubdomainsAreTheHostAndWhatIsBelow) {
  Decision wide = approve();
  wide.match = Match::subdomains;
  decide(ask(question_of("bot", "cdn.example.com")), wide);
  EXPECT_TRUE(approvals_->find(question_of("bot", "cdn.example.com")));
  EXPECT_TRUE(approvals_->find(question_of("bot", "x.y.cdn.example.com")));
  EXPECT_FALSE(approvals_->find(question_of("bot", "example.com")));
  EXPECT_FALSE(approvals_->find(question_of("bot", "notcdn.example.com")));
}

TEST_F(ApprovalsTest, A_06_NothingIsWiderThanARegistrableDomain) {
  Decision wide = approve();
  wide.match = Match::subdomains;
  for (const char* host : {"com", "co.uk", "github.io", "lan", "test", "192.0.2.7", "[2001:db8::7]", "foo.ck"}) {
    const std::string id = ask(question_of("bot", host));
    const auto refused = approvals_->decide(id, wide, alice());
    ASSERT_TRUE(refused.has_error()) << host;
    EXPECT_EQ(refused.error(), Approvals::DecideFault::too_wide) << host;
    EXPECT_EQ(approvals_->approval(id)->state, Approval::State::pending);
  }
  decide(ask(question_of("bot", "acme.github.io")), wide);
  decide(ask(question_of("bot", "build.lan")), wide);
}

TEST_F(ApprovalsTest, EveryoneIsAnyAgentUnderThatRule) {
  Decision all = approve();
  all.scope = Scope::everyone;
  decide(ask(question_of("bot", "a.example.com")), all);
  EXPECT_TRUE(approvals_->find(question_of("other", "a.example.com")));
  EXPECT_FALSE(approvals_->find(question_of("other", "a.example.com", "another rule")));
}

TEST_F(ApprovalsTest, AnAnswerForOthersAnswersTheirOpenQuestionsToo) {
  Told told;
  const auto waiting = hold(question_of("other", "a.example.com"), told);
  Decision all = approve();
  all.scope = Scope::everyone;
  const auto decided = decide(ask(question_of("bot", "a.example.com")), all);
  EXPECT_TRUE(told.wait()->approved);
  const auto other = approvals_->approval(waiting.approval());
  EXPECT_EQ(other->state, Approval::State::approved);
  EXPECT_EQ(other->grant, decided.grant->id);
  EXPECT_EQ(approvals_->counts().pending, 0U);
}

TEST_F(ApprovalsTest, ACountedAnswerMakesOthersLookAgain) {
  Told told;
  const auto waiting = hold(question_of("bot", "a.example.com"), told);
  Decision two = approve();
  two.match = Match::subdomains;
  two.uses = 2;
  decide(ask(question_of("bot", "example.com")), two);
  EXPECT_EQ(told.wait(), std::nullopt);
  EXPECT_EQ(approvals_->approval(waiting.approval())->state, Approval::State::pending);
  EXPECT_TRUE(approvals_->find(question_of("bot", "a.example.com"))->bounded);
}

TEST_F(ApprovalsTest, ADenialIsAnAnswerUntilItEnds) {
  Told told;
  const auto ticket = hold(question_of("bot", "a.example.com"), told);
  Decision no;
  no.ttl = std::chrono::minutes(10);
  no.note = "not today";
  decide(ticket.approval(), no);
  EXPECT_FALSE(told.wait()->approved);
  EXPECT_FALSE(approvals_->find(question_of("bot", "a.example.com"))->approved);
  EXPECT_EQ(approvals_->find(question_of("bot", "a.example.com"))->note, "not today");
  EXPECT_FALSE(approvals_->opens("bot", HostName::parse("a.example.com").value()));
  pass(std::chrono::minutes(10));
  EXPECT_FALSE(approvals_->find(question_of("bot", "a.example.com")));
  EXPECT_NE(ask(question_of("bot", "a.example.com")), ticket.approval());
}

TEST_F(ApprovalsTest, ADenialBeatsAnApprovalAndTheNarrowestSpeaks) {
  Decision wide = approve();
  wide.match = Match::subdomains;
  wide.note = "wide";
  Decision narrow = approve();
  narrow.note = "narrow";
  decide(ask(question_of("bot", "a.example.com")), narrow);
  decide(ask(question_of("bot", "example.com")), wide);
  EXPECT_EQ(approvals_->find(question_of("bot", "a.example.com"))->note, "narrow");
  EXPECT_EQ(approvals_->find(question_of("bot", "b.example.com"))->note, "wide");
  Told told;
  Decision no;
  no.scope = Scope::everyone;
  no.match = Match::subdomains;
  decide(ask(question_of("someone", "example.com")), no);
  EXPECT_FALSE(approvals_->find(question_of("bot", "a.example.com"))->approved);
}

TEST_F(ApprovalsTest, OpensSaysWhetherAnyPortOfANameIsApproved) {
  Decision wide = approve();
  wide.match = Match::subdomains;
  decide(ask(question_of("bot", "example.com:8443")), wide);
  const auto opens = [&](const char* agent, const char* name) {
    return approvals_->opens(agent, HostName::parse(name).value());
  };
  EXPECT_TRUE(opens("bot", "example.com"));
  EXPECT_TRUE(opens("bot", "x.example.com"));
  EXPECT_FALSE(opens("bot", "example.org"));
  EXPECT_FALSE(opens("other", "example.com"));
}

TEST_F(ApprovalsTest, WhoComesWhileItIsAnsweredLooksAgain) {
  const auto decided = decide(ask(question_of("bot", "a.example.com")), approve());
  Told told;
  const auto ticket = hold(question_of("bot", "a.example.com"), told);
  EXPECT_EQ(ticket.approval(), decided.approval.id);
  EXPECT_EQ(told.wait(), std::nullopt);
  EXPECT_EQ(ask(question_of("bot", "a.example.com")), decided.approval.id);
}

TEST_F(ApprovalsTest, A_13_AGrantEndsByItsTimeAndIsNotProlongedByAClockSetBack) {
  Decision brief = approve();
  brief.ttl = std::chrono::seconds(60);
  const auto decided = decide(ask(question_of("bot", "a.example.com")), brief);
  pass(std::chrono::seconds(59));
  EXPECT_TRUE(approvals_->lives(decided.grant->id));
  pass(std::chrono::seconds(1));
  EXPECT_FALSE(approvals_->lives(decided.grant->id));
  EXPECT_EQ(approvals_->grant(decided.grant->id)->end, Grant::End::expired);
  pass(-std::chrono::hours(1));
  EXPECT_FALSE(approvals_->find(question_of("bot", "a.example.com")));
  EXPECT_THAT(log_text(), HasSubstr("grants.expire"));
}

TEST_F(ApprovalsTest, AQuestionThatNobodyAnswersExpires) {
  limits_.pending_ttl = std::chrono::hours(1);
  reopen();
  const std::string id = ask(question_of("bot", "a.example.com"));
  pass(std::chrono::minutes(40));
  ask(question_of("bot", "a.example.com"));
  pass(std::chrono::minutes(40));
  EXPECT_EQ(approvals_->approval(id)->state, Approval::State::pending);
  pass(std::chrono::minutes(20));
  EXPECT_EQ(approvals_->approval(id)->state, Approval::State::expired);
  EXPECT_EQ(approvals_->decide(id, approve(), alice()).error(), Approvals::DecideFault::decided);
  EXPECT_NE(ask(question_of("bot", "a.example.com")), id);
  EXPECT_THAT(log_text(), HasSubstr("approvals.expire"));
}

TEST_F(ApprovalsTest, RevokingEndsAGrantOnce) {
  const auto decided = decide(ask(question_of("bot", "a.example.com")), approve());
  const auto revoked = approvals_->revoke(decided.grant->id, {"bob", "admin", "console", std::nullopt});
  ASSERT_TRUE(revoked.has_value());
  EXPECT_EQ(revoked->end, Grant::End::revoked);
  EXPECT_EQ(revoked->ended_by.name, "bob");
  EXPECT_FALSE(approvals_->lives(decided.grant->id));
  EXPECT_FALSE(approvals_->find(question_of("bot", "a.example.com")));
  EXPECT_EQ(approvals_->revoke(decided.grant->id, alice()).error(), Approvals::DecideFault::decided);
  EXPECT_EQ(approvals_->revoke("gr_none", alice()).error(), Approvals::DecideFault::unknown);
  EXPECT_TRUE(approvals_->grants({}).empty());
  Approvals::GrantFilter with_ended;
  with_ended.ended = true;
  EXPECT_EQ(approvals_->grants(with_ended).size(), 1U);
}

TEST_F(ApprovalsTest, ListsComeInPages) {
  limits_.pending_per_agent = 1000;
  reopen();
  std::vector<std::string> ids;
  for (int i = 0; i < 25; ++i) ids.push_back(ask(question_of("bot", "h" + std::to_string(i) + ".example.com")));
  for (int i = 0; i < 10; ++i) {
    now_ = now_.load() + std::chrono::seconds(1);
    decide(ids[static_cast<std::size_t>(i)], approve());
  }
  std::vector<std::string> seen;
  Approvals::Filter filter;
  filter.limit = 7;
  for (auto page = approvals_->approvals(filter); !page.empty(); page = approvals_->approvals(filter)) {
    for (const Approval& one : page) seen.push_back(one.id);
    filter.after = seen.back();
  }
  std::vector<std::string> expected(ids.begin() + 10, ids.end());
  for (int i = 9; i >= 0; --i) expected.push_back(ids[static_cast<std::size_t>(i)]);
  EXPECT_EQ(seen, expected);
  Approvals::GrantFilter grants;
  grants.limit = 4;
  const auto first = approvals_->grants(grants);
  grants.after = first.back().id;
  EXPECT_EQ(first.at(0).approval, ids[9]);
  EXPECT_EQ(approvals_->grants(grants).at(0).approval, ids[5]);
  filter = {};
  filter.host = "h3.example.com";
  EXPECT_EQ(approvals_->approvals(filter).size(), 1U);
  filter.state = Approval::State::pending;
  EXPECT_TRUE(approvals_->approvals(filter).empty());
}

TEST_F(ApprovalsTest, HappeningsComeInOrderWhileOneListens) {
  std::vector<std::string> heard;
  auto subscription = approvals_->subscribe([&](const Approvals::Happening& happening) {
    if (const auto* asked = std::get_if<Approvals::Asked>(&happening)) heard.push_back("asked " + asked->approval.id);
    if (const auto* waiting = std::get_if<Approvals::Waiting>(&happening)) {
      heard.push_back("waiting " + std::to_string(waiting->waiting));
    }
    if (std::get_if<Approvals::WasDecided>(&happening) != nullptr) heard.emplace_back("decided");
    if (std::get_if<Approvals::Expired>(&happening) != nullptr) heard.emplace_back("expired");
    if (std::get_if<Approvals::Ended>(&happening) != nullptr) heard.emplace_back("ended");
  });
  Told told;
  const auto first = hold(question_of("bot", "a.example.com"), told);
  auto second = hold(question_of("bot", "a.example.com"), told);
  second = {};
  const auto decided = decide(first.approval(), approve());
  ASSERT_TRUE(approvals_->revoke(decided.grant->id, alice()).has_value());
  EXPECT_THAT(heard, testing::ElementsAre("asked " + first.approval(), "waiting 2", "waiting 1", "decided", "ended"));
  subscription = {};
  ask(question_of("bot", "b.example.com"));
  EXPECT_EQ(heard.size(), 5U);
}

TEST_F(ApprovalsTest, SomebodyIsThereWhileTheyAttend) {
  EXPECT_FALSE(approvals_->attended());
  {
    const auto attendance = approvals_->attend();
    EXPECT_TRUE(approvals_->attended());
  }
  EXPECT_FALSE(approvals_->attended());
}

TEST_F(ApprovalsTest, A_18_TheLogSaysWhoDecidedThroughWhatAndHowLongItTook) {
  const std::string id = ask(question_of("bot", "a.example.com"));
  now_ = now_.load() + std::chrono::milliseconds(12'300);
  Decision decision = approve();
  decision.note = "for the release";
  decide(id, decision);
  const std::string text = log_text();
  for (const char* part :
       {"\"approvals.approve\"", "\"alice\"", "\"role\":\"approver\"", "\"through\":\"cli\"", "\"decision_ms\":12300",
        "\"for the release\"", "\"scope\":\"agent\"", "\"match\":\"host\"", "c-1", "Decided after 12.3 s"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

}  // namespace
}  // namespace sallyport
