#include "proxy/run_state.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace sallyport {
namespace {

namespace fs = std::filesystem;

TEST(RunState, ForgetsTheFoldersOfRunsLongAgoAndNothingElse) {
  std::string state = testing::TempDir() + "sallyport-state-XXXXXX";
  ASSERT_NE(::mkdtemp(state.data()), nullptr);
  const std::string now = run_folder(state);
  for (const std::string& folder : {now, state + "/run/1000000000-7", state + "/run/1000000000", state + "/run/notes",
                                    state + "/other/1000000000-7"}) {
    fs::create_directories(folder + "/log");
  }
  forget_old_runs(state, std::chrono::hours(24 * 90));
  EXPECT_FALSE(fs::exists(state + "/run/1000000000-7"));
  EXPECT_TRUE(fs::exists(now + "/log"));
  EXPECT_TRUE(fs::exists(state + "/run/1000000000") && fs::exists(state + "/run/notes"));
  EXPECT_TRUE(fs::exists(state + "/other/1000000000-7"));
  fs::remove_all(state);
}

}  // namespace
}  // namespace sallyport
