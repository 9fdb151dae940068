#include "policy/destination.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sallyport {
namespace {

using namespace std::string_literals;

std::string parsed(const std::string& text, std::uint16_t default_port = 443) {
  const auto destination = parse_authority(text, default_port);
  return destination ? destination->text() : "refused";
}

TEST(Destination, ReadsNamesAndAddressesWithAndWithoutPort) {
  EXPECT_EQ(parsed("Allowed.Test."), "allowed.test:443");
  EXPECT_EQ(parsed("allowed.test:8080"), "allowed.test:8080");
  EXPECT_EQ(parsed("192.0.2.1:1"), "192.0.2.1:1");
  EXPECT_EQ(parsed("[2001:DB8::1]"), "[2001:db8::1]:443");
  EXPECT_EQ(parsed("[::1]:65535"), "[::1]:65535");
}

TEST(Destination, I_05_TakesAMappedAddressAsIpv4) {
  EXPECT_EQ(parsed("[::ffff:7f00:1]:80"), "127.0.0.1:80");
}

TEST(Destination, NeedsAPortWhereThereIsNoDefault) {
  EXPECT_EQ(parsed("allowed.test", 0), "refused");
  EXPECT_EQ(parsed("[::1]", 0), "refused");
  EXPECT_EQ(parsed("allowed.test:443", 0), "allowed.test:443");
}

TEST(Destination, N_16_RefusesUserinfoAndUrlParts) {
  for (const char* text : {"user@evil.test", "allowed.test@evil.test", "evil.test\\@allowed.test",
                           "allowed.test#@evil.test", "evil.test?allowed.test", "user:pw@evil.test:443", "evil.test/",
                           "http://evil.test", "//evil.test", "evil.test:443/", "evil.test\\", "a.test,b.test"}) {
    EXPECT_EQ(parsed(text), "refused") << text;
  }
}

TEST(Destination, N_17_HasOneStrictGrammarForPortsAndBrackets) {
  for (const char* text : {"allowed.test:443:80",
                           "[allowed.test]:443",
                           "allowed.test:",
                           ":443",
                           "allowed.test:0",
                           "allowed.test:65536",
                           "allowed.test:007",
                           "allowed.test:https",
                           "allowed.test:+443",
                           "allowed.test:-1",
                           "allowed.test: 443",
                           "allowed.test :443",
                           "allowed.test:443 ",
                           "allowed.test:100000",
                           "[127.0.0.1]:443",
                           "[::1",
                           "::1",
                           "::1]:443",
                           "[::1]443",
                           "[::1]:",
                           "[]",
                           "[",
                           "]",
                           "[]:443",
                           "[[::1]]",
                           "[::1]]:80",
                           "[::1]x:80",
                           "",
                           ":"}) {
    EXPECT_EQ(parsed(text), "refused") << text;
  }
  EXPECT_EQ(parsed("allowed.test:443\0"s), "refused");
}

TEST(Destination, I_09_RefusesZones) {
  for (const char* text : {"[fe80::1%eth0]:80", "[fe80::1%25eth0]:80", "fe80::1%eth0"}) {
    EXPECT_EQ(parsed(text), "refused") << text;
  }
}

TEST(Destination, I_11_RefusesNumbersThatAreNoDottedQuad) {
  for (const char* text :
       {"0177.0.0.1", "012.0.0.1", "0x7f.1", "127.1", "2130706433", "0", "127.0.0.1.", "127.0.0.1.:80"}) {
    EXPECT_EQ(parsed(text), "refused") << text;
  }
}

TEST(Destination, IsTheSameWhenReadAgain) {
  for (const char* text : {"a.test:1", "[2001:db8::1]:2", "192.0.2.1:3"}) {
    const auto once = parse_authority(text, 0).value();
    EXPECT_EQ(parse_authority(once.text(), 0).value(), once);
  }
}

}  // namespace
}  // namespace sallyport
