#include "policy/name_set.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sallyport {
namespace {

NameSet list(std::string_view bytes, NameListUse use = NameListUse::deny) {
  return read_name_list(bytes, "names.txt", use).value();
}

std::string complaint(std::string_view bytes, NameListUse use = NameListUse::deny) {
  const auto read = read_name_list(bytes, "names.txt", use);
  return read ? "none" : read.error().text;
}

TEST(NameList, ReadsCommentsBlankLinesAndBothLineEndings) {
  const NameSet set =
      list("\xef\xbb\xbf# heading\r\n\r\na.test\r\n  *.b.test\t# why\n\n10.0.0.0/8\n2001:db8::1\nC.TEST.");
  EXPECT_EQ(set.size(), 5U);
  EXPECT_TRUE(set.find("a.test"));
  EXPECT_TRUE(set.find("x.b.test"));
  EXPECT_TRUE(set.find("c.test"));
  EXPECT_TRUE(set.find(Address::parse("10.1.2.3").value()));
  EXPECT_TRUE(set.find(Address::parse("2001:db8::1").value()));
  EXPECT_FALSE(set.find("why"));
}

TEST(NameList, IsEmptyWhereNothingStands) {
  for (const char* bytes : {"", "\n", "# nothing", "\r\n\r\n"}) EXPECT_TRUE(list(bytes).empty());
}

TEST(NameList, MapsInternationalNames) {
  const NameSet set = list(
      "b\xc3\xbc"
      "cher.example\n**.xn--p1ai");
  EXPECT_TRUE(set.find("xn--bcher-kva.example"));
  EXPECT_TRUE(set.find("a.xn--p1ai"));
}

TEST(NameList, SaysFileAndLine) {
  EXPECT_TRUE(complaint("a.test\n\nhttps://b.test/").starts_with("names.txt:3: \"https://b.test/\""));
  EXPECT_TRUE(complaint("# x\r\na..b\r\n").starts_with("names.txt:2: "));
  EXPECT_TRUE(complaint("0.0.0.0 ads.test").starts_with("names.txt:1: expected one pattern a line"));
  EXPECT_TRUE(complaint("@group").starts_with("names.txt:1: "));
  EXPECT_TRUE(complaint(std::string_view("a\0b.test", 8)).starts_with("names.txt:1: "));
}

TEST(NameList, NeverHoldsAny) {
  for (const auto use : {NameListUse::allow, NameListUse::allow_public_suffix, NameListUse::deny}) {
    EXPECT_TRUE(complaint("any", use).starts_with("names.txt:1: a list cannot hold any"));
    EXPECT_TRUE(complaint("*", use).starts_with("names.txt:1: "));
  }
}

TEST(NameList, N_12_RefusesWildcardsOverSuffixesUnlessItDenies) {
  EXPECT_NE(complaint("a.test\n*.com", NameListUse::allow), "none");
  EXPECT_NE(complaint("*.com", NameListUse::allow_public_suffix), "none");
  EXPECT_NE(complaint("**.github.io", NameListUse::allow), "none");
  EXPECT_EQ(complaint("**.github.io", NameListUse::allow_public_suffix), "none");
  EXPECT_EQ(complaint("*.example.com", NameListUse::allow), "none");
  EXPECT_EQ(complaint("*.com\n**.github.io", NameListUse::deny), "none");
}

}  // namespace
}  // namespace sallyport
