#include "proxy/admission.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

const Clock::time_point start{};

TEST(Admission, ARequestBesideOthersTakesAConnectionsPlaceAtNoRate) {
  Admission admission({.connections = 10, .per_agent = 3, .rate_per_agent = 1});
  auto connection = admission.admit("a", start);
  auto first = admission.admit_request("a");
  {
    auto second = admission.admit_request("a");
    EXPECT_TRUE(second);
    EXPECT_EQ(admission.admit_request("a").error(), Admission::Fault::per_agent);
    EXPECT_TRUE(admission.admit_request("b"));
  }
  EXPECT_TRUE(admission.admit_request("a"));
}

TEST(Admission, TheWindowsOfAnAgentAreOfOneBudget) {
  Admission admission({});
  const auto budget = admission.windows("a");
  EXPECT_EQ(admission.windows("a"), budget);
  EXPECT_NE(admission.windows("b"), budget);
}

TEST(Admission, GivesAPlaceBackWhenItsPermitDies) {
  Admission admission({.connections = 10, .per_agent = 1, .rate_per_agent = 100});
  auto first = admission.admit("a", start);
  ASSERT_TRUE(first);
  EXPECT_EQ(admission.admit("a", start).error(), Admission::Fault::per_agent);
  first = Admission::Fault::rate;
  EXPECT_TRUE(admission.admit("a", start));
}

TEST(Admission, LimitsTheRateAndCountsWhatItRefused) {
  Admission admission({.connections = 100, .per_agent = 100, .rate_per_agent = 2});
  EXPECT_TRUE(admission.admit("a", start));
  EXPECT_TRUE(admission.admit("a", start));
  EXPECT_EQ(admission.admit("a", start).error(), Admission::Fault::rate);
  EXPECT_EQ(admission.admit("a", start).error(), Admission::Fault::rate);
  EXPECT_TRUE(admission.admit("a", start + std::chrono::milliseconds(500)));
  const auto floods = admission.take_floods();
  ASSERT_EQ(floods.size(), 1U);
  EXPECT_EQ(floods[0].count, 2U);
  EXPECT_TRUE(admission.take_floods().empty());
}

TEST(Admission, ChargesRefusalsAndQueriesAtRatesOfTheirOwn) {
  Admission admission({.connections = 100, .per_agent = 100, .rate_per_agent = 2});
  for (int each = 0; each < 2; ++each) EXPECT_TRUE(admission.charge("a", Admission::Charge::refusal, start));
  EXPECT_FALSE(admission.charge("a", Admission::Charge::refusal, start));
  for (int each = 0; each < 4; ++each) EXPECT_TRUE(admission.charge("a", Admission::Charge::query, start));
  EXPECT_FALSE(admission.charge("a", Admission::Charge::query, start));
  EXPECT_TRUE(admission.admit("a", start));
  EXPECT_TRUE(admission.charge("b", Admission::Charge::refusal, start));
  EXPECT_TRUE(admission.charge("a", Admission::Charge::refusal, start + std::chrono::milliseconds(500)));
  EXPECT_TRUE(admission.charge("a", Admission::Charge::query, start + std::chrono::milliseconds(250)));
}

TEST(Admission, CountsWhatItDidNotLetBeChargedForTheCollectiveRecord) {
  Admission admission({.connections = 100, .per_agent = 100, .rate_per_agent = 1});
  for (int each = 0; each < 3; ++each) admission.charge("a", Admission::Charge::refusal, start);
  for (int each = 0; each < 3; ++each) admission.charge("a", Admission::Charge::query, start);
  const auto floods = admission.take_floods();
  ASSERT_EQ(floods.size(), 1U);
  EXPECT_EQ(floods[0].agent, "a");
  EXPECT_EQ(floods[0].count, 3U);
}

TEST(Admission, F_05_OneAgentCannotTakeEveryPlace) {
  Admission admission({.connections = 10, .per_agent = 100, .rate_per_agent = 1000});
  std::vector<Admission::Permit> held;
  auto other = admission.admit("small", start);
  ASSERT_TRUE(other);
  for (int each = 0; each < 20; ++each) {
    auto permit = admission.admit("greedy", start);
    if (permit) held.push_back(std::move(*permit));
  }
  EXPECT_LT(held.size(), 9U);
  EXPECT_TRUE(admission.admit("small", start));
}

TEST(Admission, F_05_AnAgentThatIsAloneLeavesRoomForLaterOnes) {
  Admission admission({.connections = 10, .per_agent = 100, .rate_per_agent = 1000});
  std::vector<Admission::Permit> held;
  for (int each = 0; each < 20; ++each) {
    auto permit = admission.admit("greedy", start);
    if (permit) held.push_back(std::move(*permit));
  }
  EXPECT_EQ(held.size(), 8U);
  auto late = admission.admit("late", start);
  auto later = admission.admit("later", start);
  EXPECT_TRUE(late);
  EXPECT_TRUE(later);
}

TEST(Admission, F_05_AFewPlacesAreEnoughForOne) {
  Admission admission({.connections = 1, .per_agent = 100, .rate_per_agent = 1000});
  EXPECT_TRUE(admission.admit("a", start));
}

TEST(Admission, CountsARulesConnectionsByAgent) {
  Admission admission({.connections = 10, .per_agent = 10, .rate_per_agent = 10});
  auto first = admission.admit_rule("a", "policy.yaml:3", 1);
  ASSERT_TRUE(first);
  EXPECT_FALSE(admission.admit_rule("a", "policy.yaml:3", 1));
  EXPECT_TRUE(admission.admit_rule("b", "policy.yaml:3", 1));
  EXPECT_TRUE(admission.admit_rule("a", "policy.yaml:4", 1));
  first.reset();
  EXPECT_TRUE(admission.admit_rule("a", "policy.yaml:3", 1));
}

}  // namespace
}  // namespace sallyport
