#include "policy/yaml.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

std::string complaint(std::string_view text) {
  const auto root = parse_yaml(text, "f.yaml");
  return root ? "fine" : root.error().text;
}

TEST(Yaml, KeepsPlacesFromOne) {
  const auto root = parse_yaml("a: 1\nb:\n  - x\n  - \"22\"\n", "f.yaml");
  ASSERT_TRUE(root);
  const YamlNode* list = root->find("b");
  ASSERT_NE(list, nullptr);
  ASSERT_EQ(list->items.size(), 2U);
  EXPECT_EQ(list->items[0].line, 3);
  EXPECT_EQ(list->items[0].column, 5);
  EXPECT_FALSE(list->items[0].quoted);
  EXPECT_TRUE(list->items[1].quoted);
}

TEST(Yaml, N_18_RefusesDuplicateKeys) {
  EXPECT_EQ(complaint("a: 1\nb: 2\na: 3\n"), "f.yaml:3:1: the key \"a\" stands here twice: keep one of them");
}

TEST(Yaml, RefusesAnchorsAliasesAndTags) {
  EXPECT_NE(complaint("a: &x 1\n").find("anchors"), std::string::npos);
  EXPECT_NE(complaint("a: &x [1]\nb: *x\n").find("anchors"), std::string::npos);
  EXPECT_NE(complaint("a: !!binary aGk=\n").find("tags"), std::string::npos);
}

TEST(Yaml, RefusesASecondDocument) {
  EXPECT_NE(complaint("a: 1\n---\nb: 2\n").find("f.yaml:3:1: a second document"), std::string::npos);
}

TEST(Yaml, RefusesMoreThan64Levels) {
  EXPECT_EQ(complaint(std::string(64, '[') + std::string(64, ']')), "fine");
  EXPECT_NE(complaint(std::string(65, '[') + std::string(65, ']')).find("64 levels"), std::string::npos);
}

TEST(Yaml, SaysWhereTheSyntaxBreaks) {
  EXPECT_EQ(complaint("a: [1\nb: 2\n").rfind("f.yaml:", 0), 0U);
  EXPECT_NE(complaint(std::string_view("a: \0", 4)).find("NUL"), std::string::npos);
}

TEST(Yaml, ATabThatIndentsIsNamed) {
  for (const char* text : {"a:\n\tb: 1\n", "a:\n  b: 1\n\tc: 2\n", "a:\n\t- b\n", "a:\n  - b\n\t- c\n"}) {
    EXPECT_NE(complaint(text).find(":1: indented with a tab: indent with spaces, not tabs"), std::string::npos)
        << complaint(text);
  }
  EXPECT_EQ(complaint("a:\tb\n"), "fine");
}

TEST(Yaml, AnEmptyTextIsNull) {
  EXPECT_EQ(parse_yaml("# nothing\n", "f")->kind, YamlNode::Kind::null);
}

TEST(Units, ReadSizesAndDurations) {
  EXPECT_EQ(*parse_bytes("200MiB"), 200U << 20U);
  EXPECT_EQ(*parse_bytes("1048576"), 1048576U);
  EXPECT_EQ(*parse_duration("300ms"), std::chrono::milliseconds(300));
  EXPECT_EQ(*parse_duration("90d"), std::chrono::hours(90 * 24));
  for (const char* bad : {"", "MiB", "-1", "1.5h", "10 m", "99999999999999999999", "9999999999TiB", "1mib"}) {
    EXPECT_FALSE(parse_bytes(bad)) << bad;
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
  EXPECT_FALSE(parse_duration("30"));
}

TEST(Units, NearestFindsATypo) {
  EXPECT_EQ(nearest("portz", {"ports", "paths"}), "ports");
  EXPECT_EQ(nearest("zebra", {"ports", "paths"}), "");
}

}  // namespace
}  // namespace sallyport
