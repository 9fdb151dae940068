#include "policy/pattern.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sallyport {
namespace {

Pattern pattern(const std::string& text) {
  return parse_pattern(text).value();
}

bool matches(const std::string& text, const std::string& host) {
  return pattern(text).matches(Host::parse(host).value());
}

std::string complaint(const std::string& text) {
  const auto parsed = parse_pattern(text);
  return parsed ? "none, it is " + parsed->text() : parsed.error().text;
}

bool says(const std::string& text, const std::string& words) {
  return complaint(text).find(words) != std::string::npos;
}

TEST(Pattern, N_03_MatchesWholeLabelsOnly) {
  EXPECT_TRUE(matches("allowed.test", "allowed.test"));
  for (const char* host : {"notallowed.test", "allowed.test.evil.test", "allowedxtest", "x.allowed.test", "test"}) {
    EXPECT_FALSE(matches("allowed.test", host)) << host;
  }
  for (const char* host : {"notallowed.test", "allowed.test.evil.test", "test", "x.notallowed.test"}) {
    EXPECT_FALSE(matches("*.allowed.test", host)) << host;
    EXPECT_FALSE(matches("**.allowed.test", host)) << host;
  }
}

TEST(Pattern, N_04_OneStarLeavesOutTheHostItselfAndTwoTakeItIn) {
  EXPECT_FALSE(matches("*.allowed.test", "allowed.test"));
  EXPECT_TRUE(matches("*.allowed.test", "a.allowed.test"));
  EXPECT_TRUE(matches("*.allowed.test", "c.b.a.allowed.test"));
  EXPECT_TRUE(matches("**.allowed.test", "allowed.test"));
  EXPECT_TRUE(matches("**.allowed.test", "b.a.allowed.test"));
}

TEST(Pattern, N_05_N_06_N_09_IsComparedInCanonicalForm) {
  EXPECT_EQ(pattern("ALLOWED.Test.").text(), "allowed.test");
  EXPECT_EQ(pattern("*.B\xc3\xbc"
                    "cher.example")
                .text(),
            "*.xn--bcher-kva.example");
  EXPECT_TRUE(matches("**.Allowed.test.", "X.ALLOWED.TEST."));
}

TEST(Pattern, MatchesAddressesByBlockOnly) {
  EXPECT_TRUE(matches("10.0.0.0/8", "10.1.2.3"));
  EXPECT_FALSE(matches("10.0.0.0/8", "11.1.2.3"));
  EXPECT_FALSE(matches("10.0.0.0/8", "a.test"));
  EXPECT_TRUE(matches("2001:db8::1", "[2001:db8::1]"));
  EXPECT_FALSE(matches("a.test", "192.0.2.1"));
  EXPECT_TRUE(matches("any", "192.0.2.1"));
  EXPECT_TRUE(matches("any", "a.test"));
}

TEST(Pattern, I_20_TakesMappedBlocksAsIpv4) {
  EXPECT_EQ(pattern("::ffff:10.0.0.0/104").text(), "10.0.0.0/8");
  EXPECT_EQ(pattern("::ffff:10.0.0.1").text(), "10.0.0.1");
  EXPECT_TRUE(matches("::ffff:7f00:1", "127.0.0.1"));
}

TEST(Pattern, ReadsWhatItWrites) {
  for (const char* text : {"a.test", "*.a.test", "**.a.test", "10.0.0.0/8", "192.0.2.1", "fd00::/8", "::1", "any"}) {
    EXPECT_EQ(pattern(text).text(), text);
    EXPECT_EQ(pattern(pattern(text).text()), pattern(text));
  }
}

TEST(Pattern, N_12_SaysWhatToWriteInstead) {
  EXPECT_TRUE(says("*", "write any"));
  EXPECT_TRUE(says("**", "write any"));
  EXPECT_TRUE(says("Any", "write any"));
  EXPECT_TRUE(says("any.", "write any"));
  EXPECT_TRUE(says("", "empty"));
  EXPECT_TRUE(says("*.", "empty"));
  EXPECT_TRUE(says("a.*.test", "at the front"));
  EXPECT_TRUE(says("a*.test", "at the front"));
  EXPECT_TRUE(says("*.*.test", "at the front"));
  EXPECT_TRUE(says("***.test", "at the front"));
  EXPECT_TRUE(says("*a.test", "at the front"));
  EXPECT_TRUE(says(".a.test", "\"*.a.test\""));
  EXPECT_TRUE(says(".a.test", "\"**.a.test\""));
  EXPECT_TRUE(says("https://a.test/x?y#z", "write \"a.test\""));
  EXPECT_TRUE(says("https://u:p@a.test:8443/", "write \"a.test\""));
  EXPECT_TRUE(says("https://[2001:db8::1]:1/", "write \"2001:db8::1\""));
  EXPECT_TRUE(says("https://", "not a URL"));
  EXPECT_TRUE(says("https://[", "not a URL"));
  EXPECT_TRUE(says("a.test:443", "ports: [443]"));
  EXPECT_TRUE(says("*.a.test:443", "write \"*.a.test\""));
  EXPECT_TRUE(says("192.0.2.1:443", "ports: [443]"));
  EXPECT_TRUE(says("[::1]:443", "ports: [443]"));
  EXPECT_TRUE(says("[::1]", "without brackets"));
  EXPECT_TRUE(says("a.test/x", "paths:"));
  EXPECT_TRUE(says("@group", "group"));
  EXPECT_TRUE(says("10.0.0.1/8", "write 10.0.0.0/8"));
  EXPECT_TRUE(says("*.10.0.0.1", "no subdomains"));
  EXPECT_TRUE(says("a..test", "empty labels"));
  EXPECT_TRUE(says("a%2e.test", "percent"));
  EXPECT_TRUE(says("127.1", "number"));
}

TEST(Pattern, QuotesNoControlCharacters) {
  EXPECT_TRUE(says("a\x1b[31m.test", "\"a?[31m.test\""));
  EXPECT_LT(complaint(std::string(100'000, '!')).size(), 400U);
}

TEST(Pattern, CoversWhatItMatchesAllOf) {
  const std::string texts[] = {"any",        "a.test",      "*.a.test",   "**.a.test", "b.a.test",
                               "*.b.a.test", "**.b.a.test", "10.0.0.0/8", "10.0.0.1",  "za.test"};
  const std::string hosts[] = {"a.test",  "b.a.test", "c.b.a.test", "x.a.test",
                               "za.test", "10.0.0.1", "10.0.0.2",   "11.0.0.1"};
  for (const auto& wide : texts) {
    for (const auto& narrow : texts) {
      bool all = true;
      for (const auto& host : hosts) all = all && (!matches(narrow, host) || matches(wide, host));
      EXPECT_EQ(pattern(wide).covers(pattern(narrow)), all) << wide << " " << narrow;
    }
  }
}

}  // namespace
}  // namespace sallyport
