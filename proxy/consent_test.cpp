#include "proxy/consent.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

RuleLimits rule(std::optional<std::uint64_t> upload, std::optional<std::uint64_t> download) {
  RuleLimits limits;
  limits.upload_bytes = upload;
  limits.download_bytes = download;
  return limits;
}

TEST(LimitsLeft, AreUnboundedWhereNobodySetsOne) {
  const RelayLimits left = limits_left({}, std::nullopt, std::nullopt, Traffic{100, 100});
  EXPECT_FALSE(left.upload);
  EXPECT_FALSE(left.download);
}

TEST(LimitsLeft, OfAConnectionAreLessByWhatItsOtherRequestsMoved) {
  const RelayLimits left = limits_left(rule(100, 50), std::nullopt, 90, Traffic{20, 60});
  EXPECT_EQ(left.upload, 30U);
  EXPECT_EQ(left.download, 30U);
}

TEST(LimitsLeft, AreNothingWhereOthersMovedItAll) {
  const RelayLimits left = limits_left(rule(100, 50), 80, std::nullopt, Traffic{51, 200});
  EXPECT_EQ(left.upload, 0U);
  EXPECT_EQ(left.download, 0U);
}

TEST(LimitsLeft, OfARequestsOwnGrantAreItsOwn) {
  const RelayLimits left = limits_left(rule(100, std::nullopt), 10, std::nullopt, Traffic{0, 60});
  EXPECT_EQ(left.upload, 10U);
}

}  // namespace
}  // namespace sallyport
