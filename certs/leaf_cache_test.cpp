#include "certs/leaf_cache.hpp"

#include "certs/certs_test_support.hpp"

#include <gtest/gtest.h>

#include <latch>
#include <set>
#include <thread>
#include <vector>

namespace sallyport {
namespace {

using test::host_of;
using test::some_day;

constexpr auto day = std::chrono::hours(24);

class LeafCacheTest : public testing::Test {
 protected:
  const test::Folder folder_;
  const std::shared_ptr<const Authority> ca_ = test::authority_in(folder_);
};

TEST_F(LeafCacheTest, KeepsWhatItMinted) {
  LeafCache cache(ca_);
  const auto first = cache.get(host_of("a.example"), some_day()).value();
  EXPECT_EQ(cache.get(host_of("A.Example."), some_day()).value(), first);
  EXPECT_NE(cache.get(host_of("b.example"), some_day()).value(), first);
  EXPECT_EQ(cache.minted(), 2U);
}

TEST_F(LeafCacheTest, MintsOnceForAHundredWhoAskAtOnce) {
  for (int round = 0; round < 5; ++round) {
    LeafCache cache(ca_);
    constexpr int many = 100;
    std::latch start(many);
    std::vector<std::shared_ptr<const Leaf>> answers(many);
    std::vector<std::thread> threads;
    for (int each = 0; each < many; ++each) {
      threads.emplace_back([&, each] {
        start.arrive_and_wait();
        answers[static_cast<std::size_t>(each)] = cache.get(host_of("a.example"), some_day()).value();
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(std::set(answers.begin(), answers.end()).size(), 1U);
    EXPECT_EQ(cache.minted(), 1U);
  }
}

TEST_F(LeafCacheTest, HoldsTogetherWhileManyAskForManyAndItOverflows) {
  LeafCache cache(ca_, 8);
  std::vector<std::thread> threads;
  for (int each = 0; each < 8; ++each) {
    threads.emplace_back([&cache, each] {
      for (int turn = 0; turn < 50; ++turn) {
        const std::string name = "h" + std::to_string((turn * 7 + each) % 20) + ".example";
        const auto leaf = cache.get(host_of(name), some_day()).value();
        EXPECT_TRUE(leaf->serves(some_day()));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(cache.size(), 8U);
}

TEST_F(LeafCacheTest, ForgetsWhatWasAskedForLongestAgo) {
  LeafCache cache(ca_, 2);
  const auto a = cache.get(host_of("a.example"), some_day()).value();
  const auto b = cache.get(host_of("b.example"), some_day()).value();
  EXPECT_EQ(cache.get(host_of("a.example"), some_day()).value(), a);
  cache.get(host_of("c.example"), some_day()).value();
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_EQ(cache.get(host_of("a.example"), some_day()).value(), a);
  EXPECT_NE(cache.get(host_of("b.example"), some_day()).value(), b);
}

TEST_F(LeafCacheTest, GivesForgottenLeavesToThoseWhoStillHoldThem) {
  LeafCache cache(ca_, 1);
  const auto a = cache.get(host_of("a.example"), some_day()).value();
  cache.get(host_of("b.example"), some_day()).value();
  EXPECT_EQ(test::handshake(*ca_, *a, "a.example", some_day()), "ok");
}

TEST_F(LeafCacheTest, MintsAnewBeforeTheEndAndWhereTheClockWentBack) {
  LeafCache cache(ca_);
  const auto first = cache.get(host_of("a.example"), some_day() + 10 * day).value();
  const auto second = cache.get(host_of("a.example"), first->not_after - day).value();
  EXPECT_NE(second, first);
  const auto third = cache.get(host_of("a.example"), some_day()).value();
  EXPECT_TRUE(third->serves(some_day()));
  EXPECT_EQ(cache.size(), 1U);
}

TEST_F(LeafCacheTest, ComplainsToEveryoneWhereItCannotMintAndRemembersNothing) {
  LeafCache cache(ca_);
  EXPECT_FALSE(cache.get(host_of("a.example"), ca_->not_after()));
  EXPECT_FALSE(cache.get(host_of("a.example"), ca_->not_after()));
  EXPECT_TRUE(cache.get(host_of("a.example"), some_day()));
}

TEST_F(LeafCacheTest, TellsAnIpv4AddressFromTheMappedOneNoMoreThanPolicyDoes) {
  LeafCache cache(ca_);
  const auto plain = cache.get(host_of("192.0.2.7"), some_day()).value();
  EXPECT_EQ(cache.get(host_of("[::ffff:192.0.2.7]"), some_day()).value(), plain);
}

}  // namespace
}  // namespace sallyport
