// Whether a destination may be dialled before there is a request.
#include "policy/any_request.hpp"

#include "policy/policy_test_support.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

bool any(const std::string& policy, const std::string& to = "a.test", bool ech = false,
         std::span<const std::string> answered = {}) {
  const auto destination = parse_authority(to, 443);
  Query query{"default", *destination, Spoken::tls, std::nullopt, ech, test::some_day()};
  query.answered = answered;
  return allows_any_request(*test::policy_of(policy), query);
}

constexpr const char* injecting = "{ allow: a.test, inject: { header: X, value: y } }";

TEST(AnyRequest, IsAllowedWhereNoRuleLooksAtIt) {
  const std::string rule = injecting;
  const std::vector<std::string> table{
      "rules:\n  - " + rule + "\n",
      "rules:\n  - { allow: a.test, protocol: http }\n",
      "default: allow\nrules:\n  - { allow: a.test, methods: [GET] }\n",
      "rules:\n  - " + rule + "\n  - { allow: a.test, methods: [POST], inject: { header: Z, value: z } }\n",
      "rules:\n  - " + rule + "\n  - { deny: b.test, methods: [POST] }\n",
      "rules:\n  - " + rule + "\n  - { deny: a.test, methods: [POST], ports: [8443] }\n",
      "rules:\n  - " + rule + "\n  - { deny: '*.test', except: a.test, methods: [POST] }\n",
      "rules:\n  - { allow: a.test, limits: { connections: 1 }, inject: { header: X, value: y } }\n",
  };
  for (const auto& policy : table) EXPECT_TRUE(any(policy)) << policy;
}

TEST(AnyRequest, IsNotAllowedWhereSomeRequestIsRefusedOrAskedAbout) {
  const std::string rule = injecting;
  const std::vector<std::string> table{
      "rules:\n  - { allow: a.test, methods: [GET] }\n",
      "rules:\n  - { allow: a.test, paths: [/x] }\n",
      "rules:\n  - " + rule + "\n  - { deny: a.test, methods: [POST] }\n",
      "rules:\n  - " + rule + "\n  - { ask: a.test, paths: [/x] }\n",
      "rules:\n  - " + rule + "\n  - { deny: a.test, protocol: http }\n",
      "rules:\n  - " + rule + "\n  - deny: a.test\n",
      "rules:\n  - " + rule + "\n  - ask: a.test\n",
      "default: allow\nrules:\n  - { ask: a.test, methods: [POST] }\n",
      "rules:\n  - { allow: a.test, inject: { header: X, value: y }, expires: 2020-01-01 }\n",
      "rules:\n  - " + rule + "\n  - { allow: b.test, methods: [GET] }\n",
  };
  for (std::size_t row = 0; row + 1 < table.size(); ++row) EXPECT_FALSE(any(table[row])) << table[row];
  EXPECT_FALSE(any(table.back(), "c.test"));
}

TEST(AnyRequest, IsNotAllowedWhereSomeRequestIsDialledOnOtherTerms) {
  const std::string rule = injecting;
  for (const char* terms : {"private: true", "limits: { connections: 2 }", "limits: { names: 2 }"}) {
    const std::string policy =
        "rules:\n  - " + rule + "\n  - { allow: a.test, methods: [GET], " + std::string(terms) + " }\n";
    EXPECT_FALSE(any(policy)) << policy;
  }
  EXPECT_FALSE(any("rules:\n  - allow: '*.test'\n  - { allow: a.test, methods: [GET] }\n"))
      << "a wildcard's budget holds for some requests alone";
  EXPECT_TRUE(any("rules:\n  - allow: a.test\n  - { allow: '*.test', methods: [GET] }\n"));
}

TEST(AnyRequest, IsNotAllowedWithEchWhereTheRuleDeniesThat) {
  const std::string policy = "rules:\n  - { allow: a.test, ech: deny, inject: { header: X, value: y } }\n";
  EXPECT_TRUE(any(policy));
  EXPECT_FALSE(any(policy, "a.test", true));
}

TEST(AnyRequest, CountsAnAnswerToTheWholeConnectionAlone) {
  const std::string rule = injecting;
  const std::vector<std::string> answered{"id:q"};
  EXPECT_TRUE(any("rules:\n  - " + rule + "\n  - { ask: a.test, id: q }\n", "a.test", false, answered));
  EXPECT_FALSE(
      any("rules:\n  - " + rule + "\n  - { ask: a.test, id: q, methods: [POST] }\n", "a.test", false, answered));
}

}  // namespace
}  // namespace sallyport
