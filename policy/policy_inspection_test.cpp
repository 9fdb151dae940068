// What makes Sallyport look inside TLS, what it injects there, and which program asks.
#include "policy/inspects.hpp"
#include "policy/policy_test_support.hpp"

#include <gmock/gmock.h>

namespace sallyport {
namespace {

std::string inspected_by(const std::string& policy, const std::string& to, std::string_view agent = "default") {
  const auto destination = parse_authority(to, 443);
  const Query query{agent, *destination, Spoken::tls, std::nullopt, false, test::some_day()};
  return test::policy_of(policy)->needs_request(query).value_or("nothing");
}

TEST(NeedsRequest, NamesTheRuleThatLooksAtRequests) {
  const std::vector<std::pair<const char*, const char*>> table{
      {"rules:\n  - allow: a.test\n", "nothing"},
      {"rules:\n  - { allow: a.test, methods: [GET] }\n", "policy.yaml:3"},
      {"rules:\n  - { allow: a.test, paths: [/x] }\n", "policy.yaml:3"},
      {"rules:\n  - { allow: a.test, protocol: http }\n", "policy.yaml:3"},
      {"rules:\n  - { allow: a.test, inject: { header: X, value: y } }\n", "policy.yaml:3"},
      {"rules:\n  - { deny: a.test, methods: [POST] }\n", "policy.yaml:3"},
      {"rules:\n  - { ask: a.test, methods: [POST] }\n", "policy.yaml:3"},
      {"rules:\n  - allow: a.test\n  - { deny: a.test, methods: [POST] }\n", "policy.yaml:4"},
      {"rules:\n  - ask: a.test\n  - { deny: a.test, methods: [POST] }\n", "policy.yaml:4"},
      {"rules:\n  - ask: a.test\n  - { allow: a.test, inject: { header: X, value: y } }\n", "policy.yaml:4"},
      {"default: allow\nrules:\n  - { allow: a.test, methods: [GET] }\n", "policy.yaml:4"},
  };
  for (const auto& [policy, expected] : table) EXPECT_EQ(inspected_by(policy, "a.test"), expected) << policy;
}

TEST(NeedsRequest, LeavesTunnelsAloneWhereNothingInsideMatters) {
  const std::vector<const char*> table{
      "rules:\n  - { allow: a.test, methods: [GET] }\n  - deny: a.test\n",
      "rules:\n  - { allow: a.test, methods: [GET] }\n  - allow: a.test\n",
      "rules:\n  - { allow: a.test, methods: [GET] }\n  - ask: a.test\n",
      "rules:\n  - { allow: b.test, methods: [GET] }\n",
      "rules:\n  - { allow: '*.test', except: a.test, methods: [GET] }\n",
      "rules:\n  - { allow: a.test, methods: [GET], ports: [8443] }\n",
      "rules:\n  - { allow: a.test, methods: [GET], expires: 2020-01-01 }\n",
      "rules:\n  - { deny: a.test, methods: [GET] }\n  - { deny: a.test, protocol: tls }\n",
      "agents: { other: { rules: [{ allow: a.test, methods: [GET] }] } }\n",
  };
  for (const char* policy : table) EXPECT_EQ(inspected_by(policy, "a.test"), "nothing") << policy;
}

TEST(NeedsRequest, CountsAnAgentsRulesForThatAgentOnly) {
  const std::string policy = "agents: { bot: { rules: [{ allow: a.test, methods: [GET] }] } }\n";
  EXPECT_EQ(inspected_by(policy, "a.test", "bot"), "policy.yaml:2");
  EXPECT_EQ(inspected_by(policy, "a.test", "other"), "nothing");
}

TEST(Injections, AreThoseOfEveryAllowThatMatchesTheRequest) {
  const auto policy = test::policy_of(R"(
secrets: { s: { env: S } }
rules:
  - { allow: a.test, inject: { header: X-Common, value: c } }
  - { allow: a.test, paths: [/other], inject: { header: X-Other, value: o } }
agents:
  bot:
    rules:
      - { allow: a.test, methods: [GET], inject: { basic: { user: u, password: '${secret:s}' } } }
)");
  const test::Ask seen{"bot", Spoken::tls, SeenRequest{"GET", "/"}};
  const Verdict verdict = test::decide(*policy, "a.test", seen);
  ASSERT_EQ(verdict.injections.size(), 2U);
  EXPECT_EQ(verdict.injections[0]->text(), "secret s as basic auth");
  EXPECT_EQ(verdict.injections[0]->rule, "policy.yaml:10");
  EXPECT_EQ(verdict.injections[1]->text(), "header X-Common");
  const test::Ask unseen{"bot", Spoken::tls, std::nullopt};
  EXPECT_TRUE(test::decide(*policy, "a.test", unseen).injections.empty());
  const test::Ask plain{"bot", Spoken::http, SeenRequest{"GET", "/"}};
  EXPECT_TRUE(test::decide(*policy, "a.test:80", plain).injections.empty());
}

TEST(Injections, GoWithAnAllowOnly) {
  const auto policy = test::policy_of(R"(
rules:
  - { allow: a.test, inject: { header: X, value: y } }
  - { ask: a.test, methods: [POST] }
)");
  const test::Ask post{"default", Spoken::tls, SeenRequest{"POST", "/"}};
  EXPECT_EQ(test::action(*policy, "a.test", post), Action::ask);
  EXPECT_TRUE(test::decide(*policy, "a.test", post).injections.empty());
  const test::Ask get{"default", Spoken::tls, SeenRequest{"GET", "/"}};
  EXPECT_EQ(test::decide(*policy, "a.test", get).injections.size(), 1U);
}

// /bin/git is file 1, /bin/git-link leads to it, and nothing else is there.
std::shared_ptr<const Policy> with_programs(const std::string& rules) {
  const auto identify = [](const std::string& path) -> std::optional<FileIdentity> {
    if (path == "/bin/git" || path == "/bin/git-link") return FileIdentity{7, 1};
    return std::nullopt;
  };
  return *Policy::parse("version: 1\ndefault: deny\nrules:\n" + rules, "policy.yaml", ".", identify);
}

Action by_program(const Policy& policy, ProgramKnown known, FileIdentity file = {}, Spoken spoken = Spoken::tls) {
  const auto to = parse_authority("a.test:443", 443);
  Query query{"default", *to, spoken, std::nullopt, false, test::some_day()};
  query.program = Program{file, "/forged"};
  query.program_known = known;
  return policy.decide(query).action;
}

TEST(Exe, AllowsOnlyTheKnownProgram) {
  const auto policy = with_programs("  - { allow: a.test, exe: [/bin/git-link, /bin/gone] }\n");
  EXPECT_EQ(by_program(*policy, ProgramKnown::known, {7, 1}), Action::allow);
  EXPECT_EQ(by_program(*policy, ProgramKnown::known, {8, 1}), Action::deny);
  EXPECT_EQ(by_program(*policy, ProgramKnown::known, {0, 0}), Action::deny);
  EXPECT_EQ(by_program(*policy, ProgramKnown::unknown), Action::deny);
}

TEST(Exe, RefusesAndAsksOfAnUnknownProgramToo) {
  const auto policy = with_programs("  - allow: a.test\n  - { deny: a.test, exe: /bin/git }\n");
  EXPECT_EQ(by_program(*policy, ProgramKnown::known, {7, 1}), Action::deny);
  EXPECT_EQ(by_program(*policy, ProgramKnown::known, {7, 2}), Action::allow);
  EXPECT_EQ(by_program(*policy, ProgramKnown::unknown), Action::deny);
  EXPECT_EQ(by_program(*policy, ProgramKnown::pending), Action::allow);
}

TEST(Exe, LeavesTheNameResolvable) {
  const auto policy = with_programs("  - { allow: a.test, exe: /bin/git }\n");
  const auto name = HostName::parse("a.test");
  EXPECT_EQ(policy->reachable("default", *name, test::some_day()).action, Action::allow);
  EXPECT_EQ(policy->decide_dns("default", *name, "TXT", test::some_day()).action, Action::deny);
}

TEST(PolicyInspection, SaysWhetherAnyRuleOfAnAgentMayWantIt) {
  const auto policy = test::policy_of(R"(rules:
  - allow: [a.test, b.test]
agents:
  writer: { rules: [{ allow: c.test, methods: [POST] }] }
)");
  EXPECT_FALSE(may_inspect(*policy, "run"));
  EXPECT_TRUE(may_inspect(*policy, "writer"));
}

}  // namespace
}  // namespace sallyport
