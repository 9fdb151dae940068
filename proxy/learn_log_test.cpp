#include "proxy/learn_log.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

LogRecord record(const std::string& agent, const std::string& door) {
  LogRecord made;
  made.kind = RecordKind::open;
  made.agent = agent;
  made.source = "10.20.0.7";
  made.host = "api.example.com";
  made.port = 443;
  made.door = door;
  made.verdict = Action::allow;
  made.decided_by = "rule";
  return made;
}

TEST(LearnLog, SaysWhereAnAgentWasSeenUnlessItsSandboxTellsWhoItIs) {
  Learner outside, inside;
  learn_from(outside, record("bot", "proxy"));
  learn_from(inside, record("bot", "attached"));
  EXPECT_NE(outside.policy().find("# from: [\"10.20.0.7\"]"), std::string::npos) << outside.policy();
  EXPECT_EQ(inside.policy().find("from:"), std::string::npos) << inside.policy();
  EXPECT_EQ(inside.learned(), 1U);
}

}  // namespace
}  // namespace sallyport
