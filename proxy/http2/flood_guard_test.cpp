#include "proxy/http2/flood_guard.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

using namespace std::chrono_literals;

int how_many(FloodGuard& guard, bool (FloodGuard::*count)(Clock::time_point), Clock::time_point now) {
  int taken = 0;
  while (taken < 100'000 && (guard.*count)(now)) ++taken;
  return taken;
}

TEST(FloodGuard, P_04_AllowsABurstAndThenARate) {
  const Clock::time_point start{};
  FloodGuard guard(start);
  EXPECT_EQ(how_many(guard, &FloodGuard::reset, start), 200);
  EXPECT_EQ(how_many(guard, &FloodGuard::reset, start + 1s), 50);
  EXPECT_EQ(how_many(guard, &FloodGuard::control, start), 2000);
  EXPECT_EQ(how_many(guard, &FloodGuard::control, start + 2s), 400);
}

TEST(FloodGuard, SavesNoMoreThanTheBurst) {
  const Clock::time_point start{};
  FloodGuard guard(start);
  EXPECT_EQ(how_many(guard, &FloodGuard::reset, start + 1h), 200);
}

TEST(FloodGuard, DataEarnsWhatComesWithIt) {
  const Clock::time_point start{};
  FloodGuard guard(start);
  how_many(guard, &FloodGuard::control, start);
  guard.data();
  EXPECT_EQ(how_many(guard, &FloodGuard::control, start), 4);
}

}  // namespace
}  // namespace sallyport
