#include "proxy/internal_contexts.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

const Clock::time_point start = Clock::time_point() + std::chrono::hours(100);

Origin origin_of(const char* agent, const char* source) {
  Origin origin;
  origin.agent = agent;
  origin.source = *Address::parse(source);
  return origin;
}

AgentContext saying(std::string reason) {
  AgentContext context;
  context.reason = std::move(reason);
  return context;
}

TEST(AgentContexts, LastAnHourBeyondTheirLastUse) {
  AgentContexts contexts;
  ASSERT_TRUE(contexts.put("bot", saying("tests"), start));
  EXPECT_TRUE(contexts.find("bot", start + std::chrono::minutes(59)));
  EXPECT_TRUE(contexts.find("bot", start + std::chrono::minutes(118)));
  EXPECT_FALSE(contexts.find("bot", start + std::chrono::minutes(179)));
}

TEST(AgentContexts, A_17_LabelNobodyElse) {
  AgentContexts contexts;
  Origin first = origin_of("default", "10.0.0.1");
  Origin second = origin_of("default", "10.0.0.2");
  ASSERT_TRUE(contexts.put(context_key("default", first.source), saying("first"), Clock::now()));
  contexts.label(first);
  contexts.label(second);
  ASSERT_TRUE(first.context);
  EXPECT_EQ(first.context->reason, "first");
  EXPECT_FALSE(second.context);
}

TEST(AgentContexts, BelongToANamedAgentWhereverItComesFrom) {
  const auto key = [](const char* agent, const char* source) { return context_key(agent, *Address::parse(source)); };
  EXPECT_EQ(key("bot", "10.0.0.1"), key("bot", "fd00::1"));
  EXPECT_EQ(key("default", "127.0.0.1"), key("default", "::1"));
  EXPECT_NE(key("default", "10.0.0.1"), key("default", "10.0.0.2"));
}

TEST(AgentContexts, EndWhenNothingIsSaid) {
  AgentContexts contexts;
  ASSERT_TRUE(contexts.put("bot", saying("tests"), start));
  ASSERT_TRUE(contexts.put("bot", AgentContext{}, start));
  EXPECT_FALSE(contexts.find("bot", start));
}

TEST(AgentContexts, F_05_AreBoundedAndDropNobodysForAnothers) {
  AgentContexts contexts;
  for (std::size_t each = 0; each < AgentContexts::most; ++each) {
    ASSERT_TRUE(contexts.put("default " + std::to_string(each), saying("x"), start));
  }
  EXPECT_FALSE(contexts.put("another", saying("x"), start));
  EXPECT_TRUE(contexts.find("default 0", start));
  EXPECT_TRUE(contexts.put("another", saying("x"), start + std::chrono::hours(2)));
}

TEST(InternalWaits, AreBoundedByAgentAndGivenBack) {
  InternalWaits waits;
  std::vector<InternalWaits::Place> places;
  for (unsigned each = 0; each < InternalWaits::per_agent; ++each) places.push_back(waits.take("a"));
  EXPECT_FALSE(waits.take("a"));
  EXPECT_TRUE(waits.take("b"));
  places.pop_back();
  EXPECT_TRUE(waits.take("a"));
}

}  // namespace
}  // namespace sallyport
