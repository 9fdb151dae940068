#include "policy/name_set.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace sallyport {
namespace {

NameSet set_of(const std::vector<std::string>& patterns) {
  NameSet::Builder builder;
  for (const auto& text : patterns) EXPECT_TRUE(builder.add(parse_pattern(text).value())) << text;
  return std::move(builder).build();
}

std::string found(const NameSet& set, const std::string& host) {
  const auto match = set.find(Host::parse(host).value());
  if (!match) return "no";
  constexpr const char* names[] = {"exact", "wildcard", "block"};
  return names[static_cast<int>(*match)];
}

TEST(NameSet, IsEmptyAtFirstAndMatchesNothing) {
  EXPECT_EQ(found(NameSet(), "a.test"), "no");
  EXPECT_EQ(found(NameSet(), "192.0.2.1"), "no");
  const NameSet none = NameSet::Builder().build();
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(found(none, "a.test"), "no");
}

TEST(NameSet, N_03_N_04_MatchesByLabels) {
  const NameSet set = set_of({"exact.test", "*.below.test", "**.both.test"});
  EXPECT_EQ(set.size(), 3U);
  EXPECT_EQ(found(set, "exact.test"), "exact");
  EXPECT_EQ(found(set, "x.exact.test"), "no");
  EXPECT_EQ(found(set, "notexact.test"), "no");
  EXPECT_EQ(found(set, "below.test"), "no");
  EXPECT_EQ(found(set, "c.b.a.below.test"), "wildcard");
  EXPECT_EQ(found(set, "notbelow.test"), "no");
  EXPECT_EQ(found(set, "both.test"), "wildcard");
  EXPECT_EQ(found(set, "a.both.test"), "wildcard");
  EXPECT_EQ(found(set, "both.test.evil.test"), "no");
  EXPECT_EQ(found(set, "test"), "no");
}

TEST(NameSet, PrefersTheExactName) {
  const NameSet set = set_of({"*.a.test", "b.a.test", "a.test", "*.a.test", "**.b.a.test"});
  EXPECT_EQ(set.size(), 2U);
  EXPECT_EQ(found(set, "b.a.test"), "exact");
  EXPECT_EQ(found(set, "a.test"), "exact");
  EXPECT_EQ(found(set, "c.a.test"), "wildcard");
}

TEST(NameSet, FindsTheNarrowestBlock) {
  const NameSet set =
      set_of({"10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3", "10.3.0.0/16", "fd00::/8", "::/0"});
  const auto block = [&](const char* text) {
    const auto cidr = set.block_of(Address::parse(text).value());
    return cidr ? cidr->text() : "none";
  };
  EXPECT_EQ(block("10.1.2.3"), "10.1.2.3");
  EXPECT_EQ(block("10.1.2.4"), "10.1.2.0/24");
  EXPECT_EQ(block("10.1.3.0"), "10.1.0.0/16");
  EXPECT_EQ(block("10.2.0.0"), "10.0.0.0/8");
  EXPECT_EQ(block("10.255.255.255"), "10.0.0.0/8");
  EXPECT_EQ(block("11.0.0.0"), "none");
  EXPECT_EQ(block("9.255.255.255"), "none");
  EXPECT_EQ(block("::ffff:10.1.2.3"), "10.1.2.3");
  EXPECT_EQ(block("fd12::1"), "fd00::/8");
  EXPECT_EQ(block("fe00::1"), "::/0");
  EXPECT_EQ(found(set, "10.1.2.3"), "exact");
  EXPECT_EQ(found(set, "10.1.2.4"), "block");
  EXPECT_EQ(found(set, "a.test"), "no");
}

TEST(NameSet, RefusesAnyAndImpossibleNames) {
  NameSet::Builder builder;
  EXPECT_FALSE(builder.add(Pattern::any()));
  EXPECT_FALSE(builder.add(PatternKind::host, ""));
  EXPECT_FALSE(builder.add(PatternKind::host, std::string(254, 'a')));
  EXPECT_TRUE(std::move(builder).build().empty());
}

TEST(NameSet, AnswersAsItsPatternsDo) {
  std::mt19937 random(1);
  const std::string labels[] = {"a", "b", "ab", "ba", "test", "x-y"};
  const auto name = [&] {
    std::string text = labels[random() % 6];
    for (auto more = random() % 4; more > 0; --more) text += "." + labels[random() % 6];
    return text;
  };
  for (int round = 0; round < 50; ++round) {
    std::vector<std::string> texts;
    std::vector<Pattern> patterns;
    for (auto count = random() % 40; count > 0; --count) {
      constexpr const char* stars[] = {"", "*.", "**."};
      texts.push_back(stars[random() % 3] + name());
      patterns.push_back(parse_pattern(texts.back()).value());
    }
    const NameSet set = set_of(texts);
    for (int i = 0; i < 200; ++i) {
      const Host host = HostName::parse(name()).value();
      bool any = false;
      for (const auto& pattern : patterns) any = any || pattern.matches(host);
      EXPECT_EQ(set.find(host).has_value(), any) << host.text();
    }
  }
}

}  // namespace
}  // namespace sallyport
