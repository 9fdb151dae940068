#include "proxy/sandbox/other_ways.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <unistd.h>

namespace sallyport {
namespace {

namespace fs = std::filesystem;
using Paths = std::vector<std::string>;

TEST(LinksOn, AreFoundBehindEachOtherByPathsWithoutLinks) {
  const fs::path folder = fs::canonical(fs::temp_directory_path()) / ("sallyport-links-" + std::to_string(::getpid()));
  fs::create_directories(folder / "real/inner");
  fs::create_symlink("real", folder / "first");
  fs::create_symlink("../first/inner", folder / "real/second");
  fs::create_symlink("loop", folder / "loop");
  const std::string at = folder.string();
  EXPECT_EQ(links_on(at + "/real/inner/file"), Paths());
  EXPECT_EQ(links_on(at + "/first/second/../x"), (Paths{at + "/first", at + "/real/second", at + "/first"}));
  EXPECT_LE(links_on(at + "/loop/x").size(), 40U);
  fs::remove_all(folder);
}

TEST(OtherWays, AreNoneOfWhatIsMountedOnceAndKnowTypes) {
  const OtherWays ways;
  EXPECT_FALSE(ways.of_type("proc").empty());
  EXPECT_TRUE(ways.of_type("no such type").empty());
  EXPECT_TRUE(ways.to("/no/such/path").empty());
  EXPECT_FALSE(ways.points_below("/proc").empty());
  EXPECT_TRUE(ways.points_below("/pro").empty());
}

}  // namespace
}  // namespace sallyport
