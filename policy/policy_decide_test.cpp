#include "policy/policy_test_support.hpp"

#include <random>

namespace sallyport::test {
namespace {

TEST(Decide, DenyBeatsAskBeatsAllowInAnyOrder) {
  const std::vector<std::string> lines{"  - allow: a.example.org\n", "  - ask: a.example.org\n",
                                       "  - deny: a.example.org\n"};
  EXPECT_EQ(action(*policy_of("rules:\n" + lines[0] + lines[1] + lines[2]), "a.example.org"), Action::deny);
  EXPECT_EQ(action(*policy_of("rules:\n" + lines[2] + lines[0] + lines[1]), "a.example.org"), Action::deny);
  EXPECT_EQ(action(*policy_of("rules:\n" + lines[1] + lines[0]), "a.example.org"), Action::ask);
  EXPECT_EQ(action(*policy_of("rules:\n" + lines[0] + lines[1]), "a.example.org"), Action::ask);
}

TEST(Decide, N_03_N_04_N_05_N_06_NamesMatchAtLabels) {
  const auto policy = policy_of(
      "default: deny\nrules:\n  - allow: [host.test, \"*.below.test\", \"**.both.test\"]\n    except: x.both.test\n");
  const std::vector<std::pair<const char*, Action>> table{
      {"host.test", Action::allow},      {"HOST.test.", Action::allow},         {"a.host.test", Action::deny},
      {"nothost.test", Action::deny},    {"host.test.evil.test", Action::deny}, {"below.test", Action::deny},
      {"a.b.below.test", Action::allow}, {"notbelow.test", Action::deny},       {"both.test", Action::allow},
      {"a.both.test", Action::allow},    {"x.both.test", Action::deny},
  };
  for (const auto& [host, expected] : table) EXPECT_EQ(action(*policy, host), expected) << host;
}

TEST(Decide, PortsAre80And443UnlessGivenButADenyTakesAll) {
  const auto policy = policy_of(
      "default: ask\nrules:\n  - allow: a.test\n  - allow: b.test\n    ports: [22, \"8000-8100\"]\n  - deny: c.test\n");
  EXPECT_EQ(action(*policy, "a.test:80"), Action::allow);
  EXPECT_EQ(action(*policy, "a.test:8080"), Action::ask);
  EXPECT_EQ(action(*policy, "b.test:443"), Action::ask);
  EXPECT_EQ(action(*policy, "b.test:8100"), Action::allow);
  EXPECT_EQ(action(*policy, "b.test:8101"), Action::ask);
  EXPECT_EQ(action(*policy, "c.test:9999"), Action::deny);
}

TEST(Decide, RequestsThatAreNotSeenMatchNoAllowButEveryDenyAndAsk) {
  const auto policy = policy_of(
      "default: deny\nrules:\n  - allow: a.test\n    methods: read-only\n    paths: [\"/x/**\"]\n"
      "  - allow: [b.test, c.test]\n  - ask: b.test\n    methods: [POST]\n  - deny: c.test\n    paths: [/admin]\n");
  struct Row {
    const char* to;
    Ask ask;
    Action expected;
  };
  const std::vector<Row> table{
      {"a.test", {}, Action::allow},
      {"a.test", {"default", Spoken::tls}, Action::deny},
      {"a.test", {"default", Spoken::silent}, Action::deny},
      {"a.test", {"default", Spoken::http, SeenRequest{"GET", "/x/y"}}, Action::allow},
      {"a.test", {"default", Spoken::tls, SeenRequest{"GET", "/x/y"}}, Action::allow},
      {"a.test", {"default", Spoken::http, SeenRequest{"POST", "/x/y"}}, Action::deny},
      {"a.test", {"default", Spoken::http, SeenRequest{"GET", "/x/../y"}}, Action::deny},
      {"b.test", {}, Action::allow},
      {"b.test", {"default", Spoken::tls}, Action::ask},
      {"b.test", {"default", Spoken::http, SeenRequest{"GET", "/"}}, Action::allow},
      {"b.test", {"default", Spoken::http, SeenRequest{"post", "/"}}, Action::ask},
      {"c.test", {"default", Spoken::tls}, Action::deny},
      {"c.test", {"default", Spoken::http, SeenRequest{"GET", "//admin"}}, Action::deny},
      {"c.test", {"default", Spoken::http, SeenRequest{"GET", "/else"}}, Action::allow},
  };
  for (const Row& row : table) EXPECT_EQ(action(*policy, row.to, row.ask), row.expected) << row.to;
}

TEST(Decide, ProtocolsNarrowARule) {
  const auto policy = policy_of(
      "default: deny\nrules:\n  - {allow: s.test, ports: [22], protocol: ssh}\n  - {allow: t.test, protocol: tcp}\n"
      "  - {allow: h.test, protocol: http}\n  - {allow: l.test, protocol: tls}\n");
  EXPECT_TRUE(decide(*policy, "s.test:22").ssh);
  EXPECT_EQ(action(*policy, "s.test:22", {"default", Spoken::ssh}), Action::allow);
  EXPECT_EQ(action(*policy, "s.test:22", {"default", Spoken::other}), Action::deny);
  EXPECT_FALSE(decide(*policy, "t.test").identify);
  EXPECT_EQ(action(*policy, "t.test", {"default", Spoken::silent}), Action::allow);
  EXPECT_EQ(action(*policy, "h.test:80", {"default", Spoken::http}), Action::allow);
  EXPECT_EQ(action(*policy, "h.test", {"default", Spoken::tls}), Action::deny);
  EXPECT_EQ(action(*policy, "l.test", {"default", Spoken::tls}), Action::allow);
  EXPECT_TRUE(decide(*policy, "l.test").identify);
}

TEST(Decide, ATcpRuleStillIdentifiesWhereADenyLooksAtTheProtocol) {
  const auto policy = policy_of("rules:\n  - {allow: a.test, protocol: tcp}\n  - {deny: a.test, protocol: ssh}\n");
  EXPECT_TRUE(decide(*policy, "a.test").identify);
}

TEST(Decide, T_16_T_17_EchIsDeniedOnlyWhereARuleSaysSo) {
  const auto policy = policy_of("rules:\n  - allow: a.test\n  - {allow: b.test, ech: deny}\n  - allow: b.test\n");
  EXPECT_EQ(action(*policy, "a.test", {"default", Spoken::tls, {}, true}), Action::allow);
  EXPECT_EQ(action(*policy, "b.test", {"default", Spoken::tls, {}, true}), Action::deny);
  EXPECT_EQ(action(*policy, "b.test", {"default", Spoken::tls}), Action::allow);
}

TEST(Decide, AgentAndCommonRulesAreOneSet) {
  const auto policy = policy_of(
      "rules:\n  - allow: a.test\n  - deny: b.test\nagents:\n  bot:\n    default: deny\n    rules:\n"
      "      - deny: a.test\n      - allow: b.test\n      - allow: c.test\n");
  EXPECT_EQ(action(*policy, "a.test", {"bot"}), Action::deny);
  EXPECT_EQ(action(*policy, "b.test", {"bot"}), Action::deny);
  EXPECT_EQ(action(*policy, "c.test", {"bot"}), Action::allow);
  EXPECT_EQ(action(*policy, "d.test", {"bot"}), Action::deny);
  EXPECT_EQ(action(*policy, "c.test"), Action::ask);
  EXPECT_EQ(action(*policy, "a.test", {"somebody"}), Action::allow);
}

TEST(Decide, LimitsOfAllAllowingRulesApplyAndWildcardsAreTold) {
  const auto policy = policy_of(
      "rules:\n  - {allow: \"*.w.test\", limits: {upload: 10MiB, names: 5}}\n"
      "  - {allow: a.w.test, limits: {upload: 1MiB}, expires: 2027-01-31}\n  - {allow: old.test, expires: "
      "2026-05-31}\n");
  const Verdict both = decide(*policy, "a.w.test");
  EXPECT_EQ(both.limits.upload_bytes, 1U << 20U);
  EXPECT_EQ(both.limits.names, 5U);
  EXPECT_FALSE(both.wildcard);
  EXPECT_FALSE(both.expires);
  EXPECT_TRUE(decide(*policy, "b.w.test").wildcard);
  EXPECT_EQ(action(*policy, "old.test"), Action::ask);
}

TEST(Decide, N_18_AnEmptyListAllowsNothing) {
  EXPECT_EQ(action(*policy_of("default: deny\nrules:\n  - allow: []\n"), "a.test"), Action::deny);
}

TEST(Decide, ADefaultMadeVerdictDenies) {
  EXPECT_EQ(Verdict{}.action, Action::deny);
}

std::string random_rule(std::mt19937& random, std::string_view act) {
  const auto pick = [&random](std::initializer_list<const char*> from) {
    return *(from.begin() + random() % from.size());
  };
  std::string rule = "  - {" + std::string(act) + ": " +
                     pick({"a.test", "\"*.a.test\"", "\"**.b.test\"", "any", "10.0.0.0/8", "[a.test, b.test]"});
  if (random() % 3 == 0) rule += std::string(", ports: ") + pick({"[22]", "[443]", "[\"1-1024\"]"});
  const bool seen = random() % 3 == 0;
  if (seen) rule += std::string(", methods: ") + pick({"[GET]", "read-only", "[POST, PUT]"});
  if (random() % 4 == 0) rule += std::string(", protocol: ") + (seen ? "http" : pick({"tls", "ssh", "tcp", "http"}));
  if (random() % 4 == 0) rule += std::string(", except: ") + pick({"x.a.test", "a.test", "10.1.0.0/16"});
  return rule + "}\n";
}

TEST(Decide, APolicyWithOneMoreDenyAllowsNoMore) {
  std::mt19937 random(4711);
  constexpr std::array spoken{Spoken::pending, Spoken::tls, Spoken::http, Spoken::ssh, Spoken::other, Spoken::silent};
  for (int round = 0; round < 150; ++round) {
    std::string rules = "rules:\n";
    for (int i = 0; i < 5; ++i) rules += random_rule(random, std::array{"allow", "ask", "deny"}[random() % 3]);
    const auto before = policy_of(rules);
    const auto after = policy_of(rules + random_rule(random, "deny"));
    for (const char* to : {"a.test:443", "x.a.test:22", "b.test:80", "10.1.2.3:443", "c.test:9000"}) {
      for (const Spoken what : spoken) {
        Ask ask{"default", what};
        if (what == Spoken::http) ask.request = SeenRequest{random() % 2 == 0 ? "GET" : "POST", "/a"};
        EXPECT_GE(action(*after, to, ask), action(*before, to, ask)) << rules << to;
      }
    }
  }
}

TEST(Reachable, IsTheBestThatAnyPortCouldGet) {
  const auto policy = policy_of(
      "default: deny\nrules:\n  - {allow: a.test, ports: [5432]}\n  - {deny: b.test, ports: [25]}\n  - ask: b.test\n"
      "  - deny: c.test\n  - allow: c.test\n");
  const auto best = [&](const char* name) {
    return policy->reachable("default", *HostName::parse(name), some_day()).action;
  };
  EXPECT_EQ(best("a.test"), Action::allow);
  EXPECT_EQ(best("b.test"), Action::ask);
  EXPECT_EQ(best("c.test"), Action::deny);
  EXPECT_EQ(best("d.test"), Action::deny);
}

TEST(DecideDns, D_03_NeedsAnExactHostOrTheType) {
  const auto policy = policy_of(
      "default: deny\nrules:\n  - allow: [a.test, \"*.w.test\"]\n  - {allow: \"*.t.test\", dns: [TXT]}\n  - deny: "
      "d.test\n");
  const auto answer = [&](const char* name, const char* type) {
    return policy->decide_dns("default", *HostName::parse(name), type, some_day()).action;
  };
  EXPECT_EQ(answer("a.test", "MX"), Action::allow);
  EXPECT_EQ(answer("x.w.test", "TXT"), Action::deny);
  EXPECT_EQ(answer("x.t.test", "TXT"), Action::allow);
  EXPECT_EQ(answer("x.t.test", "MX"), Action::deny);
  EXPECT_EQ(answer("d.test", "TXT"), Action::deny);
  EXPECT_EQ(answer("unknown.test", "TXT"), Action::deny);
}

}  // namespace
}  // namespace sallyport::test
