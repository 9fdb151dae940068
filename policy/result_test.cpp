#include "policy/result.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace sallyport {
namespace {

TEST(Outcome, ThrowsTheComplaintWhereAMissingValueIsTaken) {
  const Outcome<int> none = Complaint{"no number here"};
  try {
    static_cast<void>(none.value());
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "no number here");
  }
}

}  // namespace
}  // namespace sallyport
