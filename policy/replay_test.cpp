#include "policy/replay.hpp"

#include "policy/identify_by_name.hpp"
#include "policy/policy_test_support.hpp"

namespace sallyport::test {
namespace {

RecordedAttempt attempt(std::string_view to, Action verdict, bool let_through) {
  const auto destination = parse_authority(to, 443).value();
  RecordedAttempt made{RecordedAttempt::Kind::connection, "bot", destination.host, destination.port};
  made.verdict = verdict;
  made.decided_by = DecidedBy::rule;
  made.let_through = let_through;
  return made;
}

Replay replay(std::string_view rules) {
  return {policy_of(rules), some_day()};
}

TEST(Replay, ListsWhatWouldBeSaidOtherwise) {
  Replay again = replay("rules: [{ allow: a.example }, { deny: b.example }]\n");
  again.add(attempt("a.example", Action::allow, true));
  again.add(attempt("b.example", Action::allow, true));
  again.add(attempt("b.example", Action::allow, true));
  again.add(attempt("c.example", Action::deny, false));
  EXPECT_EQ(again.counts().attempts, 4U);
  EXPECT_EQ(again.counts().same, 1U);
  EXPECT_EQ(again.counts().now_refused, 2U);
  ASSERT_EQ(again.differences().size(), 2U);
  const auto& refused = again.differences().at({"bot", "b.example:443", Action::allow, Action::deny});
  EXPECT_EQ(refused.count, 2U);
  EXPECT_TRUE(refused.was_reached);
  EXPECT_EQ(again.differences().count({"bot", "c.example:443", Action::deny, Action::ask}), 1U);
}

TEST(Replay, WhatAPersonGrantedWasAsked) {
  Replay again = replay("default: ask\n");
  RecordedAttempt granted = attempt("a.example", Action::allow, true);
  granted.decided_by = DecidedBy::grant;
  again.add(granted);
  EXPECT_EQ(again.counts().same, 1U);
  Replay denying = replay("default: deny\n");
  denying.add(granted);
  EXPECT_EQ(denying.counts().now_refused, 1U);
}

TEST(Replay, WhatTheGuardOrALimitRefusedIsNoMatterOfPolicy) {
  Replay again = replay("default: allow\n");
  RecordedAttempt guarded = attempt("a.example", Action::deny, false);
  guarded.decided_by = DecidedBy::guard;
  again.add(guarded);
  EXPECT_EQ(again.counts().left_out, 1U);
  EXPECT_TRUE(again.differences().empty());
}

TEST(Replay, ARequestIsJudgedByItsMethodAndPath) {
  Replay again =
      replay("rules: [{ allow: a.example, methods: [GET] }, { deny: a.example, paths: [\"/secret/**\"] }]\n");
  RecordedAttempt request = attempt("a.example:80", Action::allow, true);
  request.kind = RecordedAttempt::Kind::request;
  request.spoken = Spoken::http;
  request.method = "GET";
  request.path = "/open";
  again.add(request);
  request.path = "/secret/x";
  again.add(request);
  EXPECT_EQ(again.counts().same, 1U);
  EXPECT_EQ(again.differences().count({"bot", "GET http://a.example:80/secret/x", Action::allow, Action::deny}), 1U);
}

TEST(Replay, AConnectionAndItsRequestAreOneAttempt) {
  Replay again = replay("rules: [{ deny: a.example }]\n");
  RecordedAttempt one = attempt("a.example:80", Action::allow, true);
  one.correlation = "c-1";
  again.add(one);
  one.kind = RecordedAttempt::Kind::request;
  one.spoken = Spoken::http;
  one.method = "GET";
  one.path = "/";
  again.add(one);
  EXPECT_EQ(again.counts().attempts, 1U);
  EXPECT_EQ(again.differences().size(), 1U);
  one.correlation = "c-2";
  again.add(one);
  EXPECT_EQ(again.counts().attempts, 2U);
}

TEST(Replay, ARefusalForWhatWasSpokenIsNotTakenForAChange) {
  Replay again = replay("rules: [{ allow: a.example, protocol: http }]\ndefault: deny\n");
  again.add(attempt("a.example", Action::deny, false));
  EXPECT_EQ(again.counts().same, 1U);
}

TEST(Replay, ALookupIsAskedAsTheNameItIs) {
  Replay again = replay("rules: [{ deny: a.example }]\n");
  RecordedAttempt lookup = attempt("a.example", Action::allow, true);
  lookup.kind = RecordedAttempt::Kind::lookup;
  again.add(lookup);
  EXPECT_EQ(again.differences().count({"bot", "name a.example", Action::allow, Action::deny}), 1U);
  EXPECT_EQ(again.counts().now_refused, 0U) << "a look-up reaches nothing";
}

TEST(Replay, ATunnelThatWouldBeInspectedIsDecidedByItsRequests) {
  Replay again = replay("rules: [{ allow: a.example, methods: [GET] }]\ndefault: deny\n");
  RecordedAttempt tunnel = attempt("a.example", Action::allow, true);
  tunnel.spoken = Spoken::tls;
  again.add(tunnel);
  EXPECT_EQ(again.counts().same, 1U);
  tunnel.kind = RecordedAttempt::Kind::request;
  tunnel.method = "POST";
  tunnel.path = "/";
  again.add(tunnel);
  EXPECT_EQ(again.counts().now_refused, 1U);
}

TEST(Replay, AProgramIsComparedByItsName) {
  const auto policy = Policy::parse("version: 1\ndefault: deny\nrules: [{ allow: a.example, exe: /bin/git }]\n",
                                    "policy.yaml", ".", identify_by_name);
  Replay again(*policy, some_day());
  RecordedAttempt one = attempt("a.example", Action::allow, true);
  one.program = "/bin/git";
  again.add(one);
  EXPECT_EQ(again.counts().same, 1U);
  one.program = "/bin/curl";
  again.add(one);
  one.program = "";
  again.add(one);
  EXPECT_EQ(again.counts().now_refused, 2U);
}

}  // namespace
}  // namespace sallyport::test
