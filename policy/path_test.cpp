#include "policy/path.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

bool allows(std::string_view pattern, std::string_view path) {
  return PathPattern::parse(pattern)->allows(read_path(path));
}
bool catches(std::string_view pattern, std::string_view path) {
  return PathPattern::parse(pattern)->catches(read_path(path));
}

TEST(Path, StarsMatchWithinAndAcrossSegments) {
  EXPECT_TRUE(allows("/a/*/c", "/a/b/c"));
  EXPECT_FALSE(allows("/a/*/c", "/a/b/x/c"));
  EXPECT_TRUE(allows("/a/**", "/a/b/x/c"));
  EXPECT_TRUE(allows("/a/**/z", "/a/b/x/z"));
  EXPECT_FALSE(allows("/a/**", "/ab"));
  EXPECT_FALSE(allows("/a", "/a/"));
  EXPECT_TRUE(allows("/**/x*y/*", "/q/xay/xby/z"));
}

TEST(Path, IsComparedDecodedAndWithoutDotSegments) {
  EXPECT_TRUE(allows("/repos/acme", "/repos/%61cme"));
  EXPECT_TRUE(allows("/repos/acme", "/x/../repos/./acme"));
  EXPECT_FALSE(allows("/repos/**", "/repos/../admin"));
  EXPECT_TRUE(allows("/**", "/caf\xc3\xa9"));
}

TEST(Path, H_19_AmbiguousPathsMatchNoAllow) {
  for (const char* path : {"//admin",   "/a//b",        "/a\\b",      "/a%5cb",
                           "/a;x",      "/a%3bx",       "/%2e%2e/a",  "/a/%2e/b",
                           "/a%252fb",  "/a%00",        "/a\x01",     "/a/%c0%ae%c0%ae/b",
                           "/a%c0%afb", "/a%e0%80%afb", "/a\xc0\xaf", "/a%u002fb",
                           "/a%zz",     "/a%",          "",           "a",
                           "/a%2fb",    "/a%2f..%2fb"}) {
    EXPECT_FALSE(allows("/**", path)) << path;
  }
}

TEST(Path, H_19_AmbiguousPathsAreCaughtByAnyReading) {
  for (const char* path : {"//admin/x", "/%2e/admin/x", "/a/%2e%2e/admin/x", "/a/..%2fadmin/x", "/admin%2fx",
                           "\\admin\\x", "/admin;v=1/x", "/%61dmin/x", "/%2561dmin/x", "/%252561dmin/x",
                           "/%u0061dmin/x", "/%c1%a1dmin/x", "/x/%c0%ae%c0%ae%c0%afadmin/x", "/ADMIN/x", "/Admin%2Fx",
                           "/x/%e0%80%ae./admin/x", "/a%5c..%5cadmin%5cx", "/./admin/x", "/;/admin/x"}) {
    EXPECT_TRUE(catches("/admin/**", path)) << path;
  }
  EXPECT_TRUE(catches("/@x", "/%40x"));
  EXPECT_FALSE(catches("/admin/**", "/user;v=1/x"));
  EXPECT_TRUE(catches("/admin", "/" + std::string(5000, ';')));
}

TEST(Path, H_19_ADenyIsNotEscapedByCaseOrByWhatEndsThePath) {
  for (const char* path : {"/admin", "/ADMIN", "/admin/", "/admin%3Fx", "/admin%23x", "/admin%00.html", "/admin;x"}) {
    EXPECT_TRUE(catches("/admin", path)) << path;
  }
  EXPECT_TRUE(catches("/Repos/Acme/**", "/repos/acme/secret"));
  EXPECT_FALSE(catches("/admin", "/admin/x"));
  EXPECT_FALSE(catches("/admin", "/administrator"));
  EXPECT_FALSE(allows("/Admin", "/admin"));
  EXPECT_FALSE(allows("/admin", "/admin/"));
}

TEST(Path, AnEncodedSlashMatchesWhereThePatternWritesIt) {
  EXPECT_TRUE(allows("/@acme%2F*", "/@acme%2ftool"));
  EXPECT_FALSE(allows("/@acme%2F*", "/@acme%2ftool%2fx"));
  EXPECT_FALSE(allows("/**", "/@acme%2ftool"));
  EXPECT_FALSE(allows("/@acme%2F*", "/@acme%2f..%2fx"));
}

TEST(Path, PatternsSayWhatToWrite) {
  EXPECT_EQ(PathPattern::parse("repos").error().text, "a path begins with \"/\": write \"/repos\"");
  EXPECT_EQ(PathPattern::parse("/a/../b").error().text, "write this path as \"/b\"");
  EXPECT_FALSE(PathPattern::parse("/a?b"));
  EXPECT_FALSE(PathPattern::parse("/a//b"));
}

}  // namespace
}  // namespace sallyport
