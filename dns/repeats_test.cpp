#include "dns/repeats.hpp"

#include <gtest/gtest.h>

namespace sallyport::dns {
namespace {

WallClock::time_point at(int milliseconds) {
  return WallClock::time_point(std::chrono::milliseconds(milliseconds));
}

QueryRecord asked(int milliseconds, std::uint16_t port = 40000) {
  QueryRecord record;
  record.time = at(milliseconds);
  record.agent = "a";
  record.source_port = port;
  record.name = "allowed.test";
  record.answers = {"198.18.0.1"};
  record.correlation = "lease-1";
  return record;
}

TEST(Repeats, TellOfTheFirstByItselfAndOfTheOthersTogether) {
  Repeats repeats;
  EXPECT_FALSE(repeats.fold(asked(0)));
  EXPECT_TRUE(repeats.fold(asked(10)));
  EXPECT_TRUE(repeats.fold(asked(30)));
  const auto told = repeats.take();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].count, 2U);
  EXPECT_EQ(told[0].record.time, at(10));
  EXPECT_EQ(told[0].last, at(30));
  EXPECT_EQ(told[0].record.source_port, 40000);
  EXPECT_TRUE(repeats.empty());
}

TEST(Repeats, HaveNothingToSayOfWhatWasAskedOnce) {
  Repeats repeats;
  repeats.fold(asked(0));
  EXPECT_TRUE(repeats.take().empty());
  EXPECT_FALSE(repeats.fold(asked(250))) << "a new window begins";
}

TEST(Repeats, NameNoPortWhereThereWereSeveral) {
  Repeats repeats;
  repeats.fold(asked(0, 1));
  repeats.fold(asked(1, 2));
  repeats.fold(asked(2, 3));
  EXPECT_EQ(repeats.take().at(0).record.source_port, 0);
}

TEST(Repeats, NeverHideWhatDiffers) {
  Repeats repeats;
  repeats.fold(asked(0));
  const auto differs = [&](auto change) {
    QueryRecord other = asked(1);
    change(other);
    return !repeats.fold(other);
  };
  EXPECT_TRUE(differs([](QueryRecord& r) { r.agent = "b"; }));
  EXPECT_TRUE(differs([](QueryRecord& r) { r.name = "Allowed.test"; }));
  EXPECT_TRUE(differs([](QueryRecord& r) { r.type = RecordType::aaaa; }));
  EXPECT_TRUE(differs([](QueryRecord& r) { r.source = Address::v4({10, 0, 0, 1}); }));
  EXPECT_TRUE(differs([](QueryRecord& r) { r.transport = Transport::tcp; }));
  EXPECT_TRUE(differs([](QueryRecord& r) { r.rcode = Rcode::no_such_name; }));
  EXPECT_TRUE(differs([](QueryRecord& r) { r.answers = {"198.18.0.2"}; }));
  EXPECT_TRUE(differs([](QueryRecord& r) { r.verdict = Action::allow; }));
  EXPECT_TRUE(differs([](QueryRecord& r) { r.rule = "policy.yaml:3"; }));
  EXPECT_TRUE(differs([](QueryRecord& r) { r.reason = "another"; }));
  EXPECT_TRUE(differs([](QueryRecord& r) { r.correlation = "lease-2"; }));
  EXPECT_TRUE(differs([](QueryRecord& r) { r.approval = "q-1"; }));
}

TEST(Repeats, AreBounded) {
  Repeats repeats;
  for (int i = 0; i < 10'000; ++i) {
    QueryRecord record = asked(i);
    record.name = "n" + std::to_string(i) + ".test";
    EXPECT_FALSE(repeats.fold(record));
  }
  QueryRecord record = asked(0);
  record.name = "n9999.test";
  EXPECT_FALSE(repeats.fold(record)) << "told of by itself where there is no room to count";
}

}  // namespace
}  // namespace sallyport::dns
