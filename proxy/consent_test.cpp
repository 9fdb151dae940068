#include "proxy/consent.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

TEST(Strictest, IsUnboundedWhereNobodySetsABound) {
  const RelayLimits least = strictest({}, {});
  EXPECT_FALSE(least.upload);
  EXPECT_FALSE(least.download);
}

TEST(Strictest, IsTheSmallerOneOfEachDirection) {
  const RelayLimits least = strictest({100, 5}, {90, 50});
  EXPECT_EQ(least.upload, 90U);
  EXPECT_EQ(least.download, 5U);
}

TEST(Strictest, IsTheOneThatThereIs) {
  const RelayLimits least = strictest({std::nullopt, 5}, {0, std::nullopt});
  EXPECT_EQ(least.upload, 0U);
  EXPECT_EQ(least.download, 5U);
}

}  // namespace
}  // namespace sallyport
