#include "proxy/agent_identity.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

std::shared_ptr<const Policy> policy() {
  // The token is "open sesame".
  auto made = Policy::parse(
      "version: 1\nagents:\n  bot:\n    from: [10.1.0.0/16]\n    token: { sha256: "
      "41ef4bb0b23661e66301aac36066912dac037827b4ae63a7b1165a5aa93ed4eb }\n  other: { from: [10.1.2.3] }\n",
      "policy.yaml", ".");
  return made ? *made : nullptr;
}

TEST(AgentIdentity, TheMostSpecificAddressWins) {
  const auto rules = policy();
  ASSERT_TRUE(rules);
  const Config config;
  EXPECT_EQ(identify_by_address(*rules, config, *Address::parse("10.1.9.9")).plain(), "bot");
  EXPECT_EQ(identify_by_address(*rules, config, *Address::parse("10.1.2.3")).plain(), "other");
  EXPECT_EQ(identify_by_address(*rules, config, *Address::parse("::ffff:10.1.2.3")).plain(), "other");
}

TEST(AgentIdentity, AnUnknownAddressIsTheDefaultAgentOrNobody) {
  const auto rules = policy();
  ASSERT_TRUE(rules);
  Config config;
  EXPECT_EQ(identify_by_address(*rules, config, *Address::parse("192.0.2.1")).plain(), "default");
  config.unknown_agents = UnknownAgents::deny;
  EXPECT_EQ(identify_by_address(*rules, config, *Address::parse("192.0.2.1")).plain(), std::nullopt);
}

TEST(AgentIdentity, C_06_AWrongCredentialIs407AndAnothersIsRefused) {
  const auto rules = policy();
  ASSERT_TRUE(rules);
  const Identity unknown{std::nullopt, UnknownAgents::deny};
  EXPECT_EQ(identify(*rules, unknown, std::nullopt).error().status, 407U);
  EXPECT_EQ(identify(*rules, unknown, Credentials{"bot", "wrong"}).error().status, 407U);
  EXPECT_EQ(identify(*rules, unknown, Credentials{"other", ""}).error().status, 407U);
  const Identity other{"other", UnknownAgents::deny};
  const auto named = identify(*rules, other, std::nullopt);
  ASSERT_TRUE(named);
  EXPECT_EQ(*named, "other");
  EXPECT_FALSE(identify(*rules, other, Credentials{"bot", "wrong"}));
}

TEST(AgentIdentity, ReadsBasicCredentialsStrictly) {
  const auto good = parse_basic("basic Ym90OnNlY3JldDp4");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->user, "bot");
  EXPECT_EQ(good->token, "secret:x");
  for (const auto* bad : {"", "Basic", "Basic ", "Basic !!!!", "Bearer abcd", "Basic Ym90", "Basic Ym90On"})
    EXPECT_FALSE(parse_basic(bad)) << bad;
}

}  // namespace
}  // namespace sallyport
