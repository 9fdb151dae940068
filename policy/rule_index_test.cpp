#include "policy/policy_impl.hpp"
#include "policy/policy_test_support.hpp"

#include <array>
#include <random>

namespace sallyport::test {
namespace {

constexpr std::array labels{"a", "b", "c", "www"};

std::string random_name(std::mt19937& random) {
  std::string name;
  for (std::size_t i = random() % 4; i > 0; --i) name.append(labels[random() % labels.size()]).append(".");
  return name + (random() % 2 == 0 ? "one.test" : "two.test");
}

std::string random_target(std::mt19937& random) {
  switch (random() % 10) {
    case 0:
      return "10." + std::to_string(random() % 4) + ".0.0/16";
    case 1:
      return "10.1.2." + std::to_string(random() % 4);
    case 2:
      return random() % 5 == 0 ? "any" : "\"2001:db8::/32\"";
    case 3:
    case 4:
      return "\"*." + random_name(random) + "\"";
    case 5:
      return "\"**." + random_name(random) + "\"";
    default:
      return random_name(random);
  }
}

std::string random_targets(std::mt19937& random) {
  // Now and then more than are scanned.
  const std::size_t count = random() % 8 == 0 ? 12 : 1 + random() % 3;
  std::string text = "[";
  for (std::size_t i = 0; i < count; ++i) text.append(i == 0 ? "" : ", ").append(random_target(random));
  return text + "]";
}

std::string random_rules(std::mt19937& random, std::size_t count, const std::string& indent) {
  constexpr std::array acts{"allow", "ask", "deny"};
  std::string rules = indent + "rules:\n";
  for (std::size_t i = 0; i < count; ++i) {
    rules.append(indent).append("  - {").append(acts[random() % acts.size()]).append(": ");
    rules.append(random_targets(random)).append("}\n");
  }
  return rules;
}

std::string random_host(std::mt19937& random) {
  if (random() % 4 == 0) return "10." + std::to_string(random() % 5) + ".2." + std::to_string(random() % 5);
  return random() % 20 == 0 ? "[2001:db8::1]" : random_name(random);
}

using Named = std::vector<const Rule*>;

Named named_of_all(const Policy& policy, std::string_view agent, const Host& host) {
  Named named;
  policy.impl().for_each_rule(agent, [&](const Rule& rule) {
    if (rule.names(host) != Hit::none) named.push_back(&rule);
  });
  return named;
}

Named named_of_index(const Policy& policy, std::string_view agent, const Host& host) {
  Named named;
  policy.impl().for_each_rule_about(agent, host, [&](const Rule& rule) {
    if (rule.names(host) != Hit::none) named.push_back(&rule);
  });
  return named;
}

TEST(RuleIndex, FindsWhatLookingAtEveryRuleFindsInTheSameOrder) {
  std::mt19937 random(1729);
  for (int round = 0; round < 60; ++round) {
    const std::string own = random_rules(random, random() % 40, "    ");
    const auto policy = policy_of(random_rules(random, 10 + random() % 60, "") + "agents:\n  bot:\n" + own);
    for (int i = 0; i < 100; ++i) {
      const Host host = Host::parse(random_host(random)).value();
      for (const char* agent : {"bot", "other"}) {
        EXPECT_EQ(named_of_index(*policy, agent, host), named_of_all(*policy, agent, host)) << host.text();
      }
    }
  }
}

TEST(RuleIndex, LooksAtFewOfManyRules) {
  std::string rules = "rules:\n";
  for (int i = 0; i < 1000; ++i) rules += "  - allow: host" + std::to_string(i) + ".test\n";
  const auto policy = policy_of(rules + "  - deny: any\n");
  std::size_t seen = 0;
  policy->impl().for_each_rule_about("bot", Host::parse("a.host7.test").value(), [&](const Rule&) { ++seen; });
  EXPECT_EQ(seen, 2U);
}

}  // namespace
}  // namespace sallyport::test
