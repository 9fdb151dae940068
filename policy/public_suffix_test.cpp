#include "policy/public_suffix.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

bool accepts(const char* text, PrivateSuffix private_suffix) {
  return !check_wildcard(parse_pattern(text).value(), private_suffix).has_value();
}

TEST(PublicSuffix, TellsTheSectionsApart) {
  for (const char* host : {"com", "co.uk", "uk", "xn--p1ai", "ck", "kawasaki.jp", "x.kawasaki.jp"}) {
    EXPECT_EQ(suffix_kind(host), SuffixKind::icann) << host;
  }
  for (const char* host : {"github.io", "githubusercontent.com", "s3.amazonaws.com", "blogspot.com"}) {
    EXPECT_EQ(suffix_kind(host), SuffixKind::private_) << host;
  }
  for (const char* host :
       {"example.com", "a.github.io", "amazonaws.com", "city.kawasaki.jp", "www.ck", "svc.cluster.local"}) {
    EXPECT_EQ(suffix_kind(host), SuffixKind::none) << host;
  }
}

TEST(PublicSuffix, TakesUnknownTopLevelLabelsForSuffixes) {
  EXPECT_EQ(suffix_kind("surelynotyetdelegated"), SuffixKind::private_);
  for (const char* host : {"test", "internal", "local", "lan"}) EXPECT_EQ(suffix_kind(host), SuffixKind::none) << host;
}

TEST(PublicSuffix, FindsTheRegistrableDomain) {
  const std::pair<const char*, const char*> rows[] = {{"a.b.example.co.uk", "example.co.uk"},
                                                      {"example.com", "example.com"},
                                                      {"a.b.github.io", "b.github.io"},
                                                      {"co.uk", "co.uk"},
                                                      {"com", "com"},
                                                      {"a.b.test", "b.test"},
                                                      {"test", "test"},
                                                      {"a.xn--bcher-kva.example", "xn--bcher-kva.example"}};
  for (const auto& [name, domain] : rows) {
    EXPECT_EQ(registrable_domain(HostName::parse(name).value()), domain) << name;
  }
}

TEST(PublicSuffix, N_12_RefusesWildcardsOverSuffixes) {
  for (const char* text : {"*.com", "**.com", "*.co.uk", "**.uk"}) {
    EXPECT_FALSE(accepts(text, PrivateSuffix::refused)) << text;
    EXPECT_FALSE(accepts(text, PrivateSuffix::accepted)) << text;
  }
  for (const char* text : {"*.github.io", "*.s3.amazonaws.com", "*.githubusercontent.com"}) {
    EXPECT_FALSE(accepts(text, PrivateSuffix::refused)) << text;
    EXPECT_TRUE(accepts(text, PrivateSuffix::accepted)) << text;
  }
  for (const char* text : {"*.example.com", "com", "any", "*.test", "10.0.0.0/8", "**.a.github.io"}) {
    EXPECT_TRUE(accepts(text, PrivateSuffix::refused)) << text;
  }
}

}  // namespace
}  // namespace sallyport
