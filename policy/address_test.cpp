#include "policy/address.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sallyport {
namespace {

using namespace std::string_literals;

TEST(Address, I_11_TakesOnlyDottedQuadsWithoutLeadingZeros) {
  for (const char* text : {"0.0.0.0", "127.0.0.1", "255.255.255.255"}) EXPECT_EQ(Address::parse(text)->text(), text);
  for (const char* text : {"", "1", "1.2.3", "1.2.3.4.5", "1.2.3.4.", ".1.2.3", "1..2.3", "01.2.3.4", "1.2.3.00",
                           "256.1.1.1", "1.2.3.1000", "0x1.2.3.4", "1.2.3.4 ", " 1.2.3.4", "+1.2.3.4", "1.2.3.-4"}) {
    EXPECT_FALSE(Address::parse(text)) << text;
  }
  EXPECT_FALSE(Address::parse("1.2.3.4\0"s));
}

TEST(Address, WritesIpv6AsRfc5952Says) {
  const std::pair<const char*, const char*> rows[] = {
      {"::", "::"},
      {"::1", "::1"},
      {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
      {"2001:0db8::0001:0", "2001:db8::1:0"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
      {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
      {"::ffff:7f00:1", "::ffff:127.0.0.1"},
      {"::127.0.0.1", "::7f00:1"},
  };
  for (const auto& [from, to] : rows) {
    const auto address = Address::parse(from);
    ASSERT_TRUE(address) << from;
    EXPECT_EQ(address->text(), to);
    EXPECT_EQ(Address::parse(to).value(), *address);
  }
}

TEST(Address, I_09_RefusesZonesAndOtherIpv6LookAlikes) {
  for (const char* text : {"fe80::1%eth0", "fe80::1%25eth0", "[::1]", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3",
                           ":", ":::", "12345::", "g::", "::1.2.3", "::01.2.3.4", "::1 ", "::ffff:127.0.0.01"}) {
    EXPECT_FALSE(Address::parse(text)) << text;
  }
  EXPECT_FALSE(Address::parse("::1\0"s));
}

TEST(Address, UnmapsOnlyMappedAddresses) {
  EXPECT_EQ(Address::parse("::ffff:10.0.0.1")->unmapped().text(), "10.0.0.1");
  EXPECT_EQ(Address::parse("::10.0.0.1")->unmapped().text(), "::a00:1");
  EXPECT_FALSE(Address::parse("::ffff:10.0.0.1")->is_v4());
}

TEST(Cidr, ContainsByPrefixAndFamily) {
  const Cidr ten = Cidr::parse("10.0.0.0/8").value();
  EXPECT_TRUE(ten.contains(Address::parse("10.255.0.1").value()));
  EXPECT_FALSE(ten.contains(Address::parse("11.0.0.0").value()));
  EXPECT_FALSE(ten.contains(Address::parse("::ffff:10.0.0.1").value()));
  EXPECT_TRUE(ten.contains(Cidr::parse("10.1.0.0/16").value()));
  EXPECT_FALSE(ten.contains(Cidr::parse("0.0.0.0/0").value()));
  const Cidr odd = Cidr::parse("2001:db8::/29").value();
  EXPECT_TRUE(odd.contains(Address::parse("2001:dbf:ffff::").value()));
  EXPECT_FALSE(odd.contains(Address::parse("2001:dc0::").value()));
  EXPECT_TRUE(Cidr::parse("::/0")->contains(Address::parse("ffff::").value()));
  EXPECT_FALSE(Cidr::parse("::/0")->contains(Address::parse("1.2.3.4").value()));
}

TEST(Cidr, ReadsWhatItWrites) {
  for (const char* text : {"10.0.0.0/8", "0.0.0.0/0", "192.0.2.1", "fd00::/8", "::/0", "2001:db8::1"}) {
    EXPECT_EQ(Cidr::parse(text)->text(), text);
  }
  EXPECT_EQ(Cidr::parse("192.0.2.1/32")->text(), "192.0.2.1");
}

TEST(Cidr, RefusesHostBitsAndSaysTheBlock) {
  const auto block = Cidr::parse("10.1.2.3/8");
  ASSERT_FALSE(block);
  EXPECT_NE(block.error().text.find("write 10.0.0.0/8"), std::string::npos);
}

TEST(Cidr, RefusesOtherPrefixes) {
  for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/+8", "10.0.0.0/8/8", "10/8",
                           "::/129", "10.0.0.0/255.0.0.0", "a.test/8"}) {
    EXPECT_FALSE(Cidr::parse(text)) << text;
  }
}

}  // namespace
}  // namespace sallyport
