#include "dns/recent_answers.hpp"

#include "telemetry/dns_text.hpp"

#include <gtest/gtest.h>

namespace sallyport::dns {
namespace {

using namespace std::chrono_literals;

WallClock::time_point at(int milliseconds) {
  return WallClock::time_point(std::chrono::milliseconds(milliseconds));
}

RecentAnswers::Steady after(std::chrono::milliseconds passed) {
  return RecentAnswers::Steady(1h + passed);
}

Bytes query_for(std::string_view name, RecordType type = RecordType::a, std::uint16_t id = 7) {
  return build_query({id, true, {*WireName::from_text(name), type, RecordClass::internet}, std::nullopt});
}

class Recent : public testing::Test {
 protected:
  RecentAnswers::Answer* find(const Bytes& query, RecentAnswers::Steady now = after(0ms)) {
    return answers_.find({"a", Address::v4({10, 0, 0, 1}), Transport::udp, query}, policy_, now);
  }
  RecentAnswers::Answer* keep(const Bytes& query) {
    EXPECT_EQ(find(query), nullptr);
    return answers_.keep(Bytes{1, 2, 3}, std::make_shared<const DnsText>(DnsFacts{}));
  }
  // Kept, and told of by itself.
  RecentAnswers::Answer& told(const Bytes& query, std::uint16_t port = 40000) {
    auto* answer = keep(query);
    EXPECT_TRUE(answers_.tell(*answer, at(0), port));
    return *answer;
  }

  std::shared_ptr<const Policy> policy_ = Policy::embedded();
  RecentAnswers answers_{5000ms};
};

TEST_F(Recent, AnswersAreFoundByAllOfTheQueryButItsId) {
  keep(query_for("allowed.test"));
  const auto* found = find(query_for("allowed.test", RecordType::a, 8));
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->reply(), (Bytes{1, 2, 3}));
  EXPECT_EQ(find(query_for("Allowed.test")), nullptr);
  EXPECT_EQ(find(query_for("allowed.test", RecordType::aaaa)), nullptr);
  EXPECT_EQ(find(Bytes{1}), nullptr);
}

TEST_F(Recent, AnswersAreForWhoAskedAlone) {
  const Bytes query = query_for("allowed.test");
  keep(query);
  const Address source = Address::v4({10, 0, 0, 1}), other = Address::v4({10, 0, 0, 2});
  const auto known = [&](const AskedBytes& asked) { return answers_.find(asked, policy_, after(0ms)) != nullptr; };
  EXPECT_TRUE(known({"a", source, Transport::udp, query}));
  EXPECT_FALSE(known({"b", source, Transport::udp, query}));
  EXPECT_FALSE(known({"a", other, Transport::udp, query}));
  EXPECT_FALSE(known({"a", source, Transport::tcp, query}));
}

TEST_F(Recent, AnswersEndWithTheirTimeAndTheirPolicy) {
  const Bytes query = query_for("allowed.test");
  keep(query);
  EXPECT_NE(find(query, after(4999ms)), nullptr);
  EXPECT_EQ(find(query, after(5000ms)), nullptr);
  keep(query);
  policy_ = *Policy::parse("version: 1\n", "policy.yaml", ".");
  EXPECT_EQ(find(query), nullptr);
}

TEST_F(Recent, PoliciesAreNotHeldForLong) {
  keep(query_for("allowed.test"));
  const std::weak_ptr<const Policy> held = policy_;
  policy_ = *Policy::parse("version: 1\n", "policy.yaml", ".");
  EXPECT_FALSE(held.expired());
  answers_.forget_old(policy_, after(1ms));
  EXPECT_TRUE(held.expired());
}

TEST_F(Recent, AnswersAreBounded) {
  for (std::size_t i = 0; i <= RecentAnswers::most; ++i) keep(query_for("n" + std::to_string(i) + ".test"));
  EXPECT_EQ(find(query_for("n0.test")), nullptr);
  EXPECT_NE(find(query_for("n" + std::to_string(RecentAnswers::most) + ".test")), nullptr);
  EXPECT_EQ(find(Bytes(RecentAnswers::longest_query + 1)), nullptr);
  EXPECT_EQ(answers_.keep({}, nullptr), nullptr) << "it is too long to be kept";
}

TEST_F(Recent, RepeatsAreToldOfTogetherAndTheFirstByItself) {
  auto& answer = told(query_for("allowed.test"));
  EXPECT_TRUE(answers_.window_is_open());
  EXPECT_FALSE(answers_.tell(answer, at(10), 40000));
  EXPECT_FALSE(answers_.tell(answer, at(30), 40000));
  const auto repeats = answers_.take_repeats();
  ASSERT_EQ(repeats.size(), 1U);
  EXPECT_EQ(repeats[0].count, 2U);
  EXPECT_EQ(repeats[0].time, at(10));
  EXPECT_EQ(repeats[0].last_time, at(30));
  EXPECT_EQ(repeats[0].source_port, 40000);
  EXPECT_FALSE(answers_.window_is_open());
}

TEST_F(Recent, AWindowEndsWhenItsRepeatsAreTaken) {
  auto& answer = told(query_for("allowed.test"));
  EXPECT_TRUE(answers_.take_repeats().empty()) << "it was asked once";
  const auto event = answers_.tell(answer, at(250), 40001);
  ASSERT_TRUE(event) << "a new window begins";
  EXPECT_EQ(event->count, 1U);
  EXPECT_EQ(event->time, at(250));
  EXPECT_EQ(event->source_port, 40001);
}

TEST_F(Recent, RepeatsNameNoPortWhereThereWereSeveral) {
  auto& answer = told(query_for("allowed.test"), 1);
  answers_.tell(answer, at(1), 2);
  answers_.tell(answer, at(2), 3);
  EXPECT_EQ(answers_.take_repeats().at(0).source_port, 0);
}

TEST_F(Recent, RepeatsOutliveTheirAnswer) {
  const Bytes query = query_for("allowed.test");
  auto& answer = told(query);
  answers_.tell(answer, at(10), 1);
  EXPECT_EQ(find(query, after(5000ms)), nullptr);
  const auto repeats = answers_.take_repeats();
  ASSERT_EQ(repeats.size(), 1U);
  EXPECT_EQ(repeats[0].count, 1U);
  EXPECT_NE(repeats[0].text, nullptr);
  EXPECT_TRUE(answers_.take_repeats().empty());
}

}  // namespace
}  // namespace sallyport::dns
