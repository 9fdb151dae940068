#include "policy/learn.hpp"

#include "policy/policy_test_support.hpp"

namespace sallyport::test {
namespace {

RecordedAttempt attempt(std::string_view to, Action verdict = Action::ask, DecidedBy by = DecidedBy::default_) {
  const auto destination = parse_authority(to, 443).value();
  RecordedAttempt made{RecordedAttempt::Kind::connection, "bot", destination.host, destination.port};
  made.verdict = verdict;
  made.decided_by = by;
  made.let_through = verdict == Action::allow;
  made.time = some_day();
  return made;
}

std::shared_ptr<const Policy> parsed(const Learner& learner) {
  auto policy = Policy::parse(learner.policy(), "learned.yaml", ".");
  EXPECT_TRUE(policy.has_value()) << learner.policy() << (policy ? "" : policy.error().front().text);
  return policy ? *policy : Policy::embedded();
}

Action said(const Learner& learner, std::string_view to) {
  return action(*parsed(learner), to, Ask{.agent = "bot"});
}

TEST(Learner, AllowsExactlyWhatWasReachedOrAskedFor) {
  Learner learner;
  learner.add(attempt("api.example.com"));
  learner.add(attempt("db.example.com:5432", Action::allow, DecidedBy::rule));
  learner.add(attempt("[2606:2800:220:1::1]:443"));
  EXPECT_EQ(said(learner, "api.example.com"), Action::allow);
  EXPECT_EQ(said(learner, "api.example.com:80"), Action::ask) << "only the port that was seen";
  EXPECT_EQ(said(learner, "db.example.com:5432"), Action::allow);
  EXPECT_EQ(said(learner, "[2606:2800:220:1::1]:443"), Action::allow);
  EXPECT_EQ(said(learner, "b.example.com"), Action::ask);
  EXPECT_EQ(learner.learned(), 3U);
  EXPECT_TRUE(parsed(learner)->warnings().empty());
}

TEST(Learner, IsForTheAgentThatAsked) {
  Learner learner;
  learner.add(attempt("api.example.com"));
  EXPECT_EQ(action(*parsed(learner), "api.example.com", Ask{.agent = "other"}), Action::ask);
}

TEST(Learner, NeverLearnsWhatWasRefused) {
  for (const DecidedBy by : {DecidedBy::rule, DecidedBy::guard, DecidedBy::grant}) {
    Learner learner;
    learner.add(attempt("evil.example"));
    learner.add(attempt("evil.example", Action::deny, by));
    EXPECT_EQ(said(learner, "evil.example"), Action::ask) << static_cast<int>(by);
    EXPECT_EQ(learner.left_out(), 1U);
  }
  Learner learner;
  learner.add(attempt("evil.example"));
  learner.refuse("bot", HostName::parse("evil.example").value(), 443);
  EXPECT_EQ(said(learner, "evil.example"), Action::ask);
  learner.add(attempt("plain.example", Action::deny));
  EXPECT_EQ(said(learner, "plain.example"), Action::ask) << "denied by a default: nobody asked";
}

TEST(Learner, ASpecialAddressIsLearnedOnlyWhereItWasReached) {
  Learner learner;
  learner.add(attempt("169.254.169.254:80"));
  learner.add(attempt("10.0.0.5:443"));
  EXPECT_EQ(learner.learned(), 0U);
  learner.add(attempt("10.0.0.5:443", Action::allow, DecidedBy::rule));
  EXPECT_EQ(said(learner, "10.0.0.5:443"), Action::allow);
}

TEST(Learner, ANameThatIsNeverFoundIsLeftOut) {
  Learner learner;
  const RecordedAttempt typo = attempt("typo.example", Action::allow, DecidedBy::rule);
  learner.add(typo);
  learner.look_up_failed("bot", typo.host, typo.port);
  EXPECT_EQ(learner.learned(), 0U);
  EXPECT_NE(learner.policy().find("left out: typo.example:443, a name that no look-up found"), std::string::npos);
  learner.add(typo);
  EXPECT_EQ(said(learner, "typo.example"), Action::allow) << "found the second time";
}

TEST(Learner, SallyportItselfNeedsNoRule) {
  Learner learner;
  learner.add(attempt("sallyport.internal:80", Action::allow, DecidedBy::rule));
  EXPECT_EQ(learner.learned() + learner.left_out(), 0U);
}

TEST(Learner, UsesAPresetThatCoversWhatWasSeen) {
  Learner learner;
  learner.add(attempt("registry.npmjs.org"));
  const std::string text = learner.policy();
  EXPECT_NE(text.find("\"@preset/npm\""), std::string::npos) << text;
  EXPECT_NE(text.find("# for registry.npmjs.org: asked once"), std::string::npos) << text;
  EXPECT_EQ(said(learner, "registry.npmjs.org"), Action::allow);
}

TEST(Learner, UsesNoPresetThatOpensWhatWasRefusedOrAWildcardOfWhichNothingWasSeen) {
  Learner learner;
  learner.add(attempt("registry.npmjs.org"));
  learner.add(attempt("nodejs.org", Action::deny, DecidedBy::rule));
  learner.add(attempt("github.com"));
  const std::string text = learner.policy();
  EXPECT_EQ(text.find("@preset"), std::string::npos) << text;
  EXPECT_EQ(said(learner, "registry.npmjs.org"), Action::allow);
  EXPECT_EQ(said(learner, "raw.githubusercontent.com"), Action::ask);
}

TEST(Learner, SuggestsAWildcardAndNeverWritesOne) {
  Learner learner;
  for (const char* name : {"a", "b", "c", "d", "e"}) learner.add(attempt(std::string(name) + ".cdn.example.com"));
  EXPECT_NE(learner.policy().find("# 5 names are under example.com; \"*.example.com\" would cover them"),
            std::string::npos)
      << learner.policy();
  EXPECT_EQ(said(learner, "f.cdn.example.com"), Action::ask);
}

TEST(Learner, TextOfOthersStaysOutOfThePolicy) {
  Learner learner;
  RecordedAttempt hostile = attempt("a.example");
  hostile.program = "x\n  - allow: any";
  hostile.source = "10.0.0.1\"]\ndefault: allow";
  learner.add(hostile);
  hostile.agent = "b\": {default: allow}\n";
  learner.add(hostile);
  EXPECT_EQ(learner.policy().find("any"), std::string::npos);
  EXPECT_EQ(learner.policy().find("default: allow"), std::string::npos);
  EXPECT_EQ(learner.learned(), 1U);
}

TEST(Learner, IsBoundedHoweverManyNamesAnAgentInvents) {
  Learner learner;
  for (int i = 0; i < 2500; ++i) learner.add(attempt("n" + std::to_string(i) + ".example"));
  EXPECT_EQ(learner.learned(), 2000U);
  EXPECT_NE(learner.policy().find("# left out: 500 attempts at further destinations"), std::string::npos);
}

TEST(Learner, NothingSeenIsAGoodPolicyToo) {
  Learner learner;
  EXPECT_EQ(said(learner, "a.example"), Action::ask);
  learner.add(attempt("evil.example", Action::deny, DecidedBy::rule));
  EXPECT_EQ(said(learner, "evil.example"), Action::ask);
}

}  // namespace
}  // namespace sallyport::test
