// What an answered question changes, and what it never does.
#include "policy/policy_test_support.hpp"

namespace sallyport::test {
namespace {

Verdict decide_answered(const Policy& policy, std::string_view to, const std::vector<std::string>& answered,
                        std::optional<SeenRequest> request = std::nullopt) {
  const auto destination = parse_authority(to, 443);
  const Spoken spoken = request ? Spoken::http : Spoken::tls;
  return policy.decide(Query{"default", *destination, spoken, request, false, some_day(), answered});
}

TEST(Answered, AnAskBecomesAnAllowByGrant) {
  const auto policy = policy_of("rules:\n  - ask: a.test\n    limits: { upload: 1KiB }\n");
  const Verdict asked = decide_answered(*policy, "a.test:443", {});
  ASSERT_EQ(asked.action, Action::ask);
  const Verdict granted = decide_answered(*policy, "a.test:443", {asked.rule_key});
  EXPECT_EQ(granted.action, Action::allow);
  EXPECT_EQ(granted.decided_by, DecidedBy::grant);
  EXPECT_EQ(granted.rule, "policy.yaml:3");
  EXPECT_EQ(granted.limits.upload_bytes, 1024U);
}

TEST(Answered, TheDefaultCanBeAnswered) {
  const auto policy = policy_of("default: ask\n");
  const Verdict asked = decide_answered(*policy, "a.test:443", {});
  ASSERT_EQ(asked.action, Action::ask);
  EXPECT_EQ(decide_answered(*policy, "a.test:443", {asked.rule_key}).decided_by, DecidedBy::grant);
}

TEST(Answered, AGrantNeverBeatsADeny) {
  const auto policy = policy_of("rules:\n  - ask: a.test\n  - deny: \"**.test\"\n");
  const auto lone = policy_of("rules:\n  - ask: a.test\n");
  const std::string key = decide_answered(*lone, "a.test:443", {}).rule_key;
  EXPECT_EQ(decide_answered(*policy, "a.test:443", {key, "default"}).action, Action::deny);
}

TEST(Answered, OneRulesAnswerIsNoOthers) {
  const auto policy = policy_of("rules:\n  - ask: a.test\n  - ask: \"**.test\"\n    reason: all of it\n");
  const Verdict first = decide_answered(*policy, "a.test:443", {});
  const Verdict second = decide_answered(*policy, "a.test:443", {first.rule_key});
  EXPECT_EQ(second.action, Action::ask);
  EXPECT_NE(second.rule_key, first.rule_key);
  EXPECT_EQ(decide_answered(*policy, "a.test:443", {first.rule_key, second.rule_key}).action, Action::allow);
  EXPECT_EQ(decide_answered(*policy, "a.test:443", {"default"}).action, Action::ask);
}

TEST(Answered, AQuestionNamesMethodAndPathPatternWhereTheRuleLooksAtRequests) {
  const auto policy = policy_of(
      "rules:\n  - allow: a.test\n  - ask: a.test\n    methods: [POST, DELETE]\n    paths: [\"/x/**\", \"/y/**\"]\n");
  const Verdict post = decide_answered(*policy, "a.test:80", {}, SeenRequest{"POST", "/y/1"});
  ASSERT_EQ(post.action, Action::ask);
  EXPECT_EQ(post.asks_method, "POST");
  EXPECT_EQ(post.asks_path, "/y/**");
  EXPECT_EQ(decide_answered(*policy, "a.test:80", {}, SeenRequest{"GET", "/y/1"}).action, Action::allow);
}

TEST(Answered, APathThatMayBeReadAsAnotherIsAQuestionOfItsOwn) {
  const auto policy = policy_of("rules:\n  - ask: a.test\n    paths: [\"/safe/**\", \"/admin/**\"]\n");
  for (const char* path : {"/safe/..%2fadmin/x", "/safe/..;/admin/x", "/safe/..\\admin/x", "/safe//x"}) {
    const Verdict asked = decide_answered(*policy, "a.test:80", {}, SeenRequest{"GET", path});
    ASSERT_EQ(asked.action, Action::ask) << path;
    EXPECT_EQ(asked.asks_path, path);
  }
  EXPECT_EQ(decide_answered(*policy, "a.test:80", {}, SeenRequest{"GET", "/safe/../admin/x"}).asks_path, "/admin/**");
}

TEST(Answered, TheKeyOutlivesARuleThatMovesButNotOneThatChanges) {
  const auto key = [](std::string_view text) { return decide_answered(*policy_of(text), "a.test:443", {}).rule_key; };
  const std::string first = key("rules:\n  - ask: a.test\n");
  EXPECT_EQ(first, key("rules:\n  - allow: b.test\n  - ask: a.test\n"));
  EXPECT_NE(first, key("rules:\n  - ask: [a.test, b.test]\n"));
  EXPECT_EQ(key("rules:\n  - ask: a.test\n    id: one\n"), key("rules:\n  - ask: [a.test, b.test]\n    id: one\n"));
}

TEST(Answered, TwoRulesOfOneIdAreAnError) {
  EXPECT_NE(complaints_of("version: 1\nrules:\n  - ask: a.test\n    id: one\n  - ask: b.test\n    id: one\n")
                .find("the rule at policy.yaml:3 has this id already"),
            std::string::npos);
}

TEST(Answered, DnsTypesAreAnsweredLikewise) {
  const auto policy = policy_of("rules:\n  - ask: a.test\n    dns: [TXT]\n");
  const auto name = HostName::parse("a.test");
  const Verdict asked = policy->decide_dns("default", *name, "TXT", some_day());
  ASSERT_EQ(asked.action, Action::ask);
  const std::vector<std::string> answered{asked.rule_key};
  const Verdict granted = policy->decide_dns("default", *name, "TXT", some_day(), answered);
  EXPECT_EQ(granted.action, Action::allow);
  EXPECT_EQ(granted.decided_by, DecidedBy::grant);
}

}  // namespace
}  // namespace sallyport::test
