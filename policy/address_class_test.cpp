#include "policy/address_class.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <vector>

namespace sallyport {

void PrintTo(AddressClass kind, std::ostream* out) {
  constexpr const char* names[] = {"global", "private", "special", "metadata", "loopback"};
  *out << names[static_cast<int>(kind)];
}

namespace {

using enum AddressClass;

AddressKind kind_of(const char* text, const std::vector<Cidr>& nat64 = {}) {
  return classify(Address::parse(text).value(), nat64);
}

struct Row {
  const char* address;
  AddressClass kind;
};

template <std::size_t N>
void expect_rows(const Row (&rows)[N]) {
  for (const Row& row : rows) EXPECT_EQ(kind_of(row.address).kind, row.kind) << row.address;
}

TEST(AddressClass, LetsGlobalUnicastThrough) {
  for (const char* text :
       {"8.8.8.8", "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.255.255",
        "172.32.0.0", "192.31.196.1", "198.17.255.255", "198.20.0.0", "223.255.255.255", "168.63.129.15",
        "2606:4700::1111", "2620:4f:8000::1", "2001:200::1", "2003::1", "3fff:1000::1", "2000::"}) {
    const AddressKind kind = kind_of(text);
    EXPECT_EQ(kind.kind, global) << text << " " << kind.block;
    EXPECT_FALSE(kind.range);
  }
}

TEST(AddressClass, I_01_KnowsLoopbackAndPrivateBlocks) {
  expect_rows({{"127.0.0.1", loopback},
               {"127.255.255.255", loopback},
               {"10.0.0.0", private_},
               {"10.255.255.255", private_},
               {"172.16.0.0", private_},
               {"172.31.255.255", private_},
               {"192.168.0.1", private_},
               {"fc00::1", private_},
               {"fdff::1", private_},
               {"::1", loopback}});
}

TEST(AddressClass, I_02_I_03_KnowsMetadataServices) {
  for (const char* text : {"169.254.169.254", "fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16",
                           "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"}) {
    EXPECT_EQ(kind_of(text).kind, metadata) << text;
  }
}

TEST(AddressClass, I_04_KnowsTheIpv4Registry) {
  expect_rows({{"0.0.0.0", loopback},
               {"0.1.2.3", special},
               {"169.254.1.1", special},
               {"192.0.0.1", special},
               {"192.0.0.9", special},
               {"192.0.2.1", special},
               {"192.88.99.1", special},
               {"198.18.0.1", special},
               {"198.19.255.255", special},
               {"198.51.100.1", special},
               {"203.0.113.1", special},
               {"224.0.0.1", special},
               {"239.255.255.255", special},
               {"240.0.0.1", special},
               {"255.255.255.255", special}});
}

TEST(AddressClass, I_05_LooksThroughMappedAddresses) {
  expect_rows({{"::ffff:127.0.0.1", loopback},
               {"::ffff:7f00:1", loopback},
               {"::ffff:10.0.0.1", private_},
               {"::ffff:0.1.2.3", special},
               {"::ffff:8.8.8.8", global}});
}

TEST(AddressClass, I_06_LooksThroughCompatibleSiitAndIsatapAddresses) {
  expect_rows({{"::127.0.0.1", loopback},
               {"::8.8.8.8", special},
               {"::ffff:0:127.0.0.1", loopback},
               {"::ffff:0:8.8.8.8", special},
               {"2606:4700::5efe:7f00:1", loopback},
               {"2606:4700::200:5efe:7f00:1", loopback},
               {"2606:4700::5efe:808:808", special},
               {"fd00::5efe:a9fe:a9fe", metadata},
               {"fd00::5efe:808:808", special}});
}

TEST(AddressClass, I_07_LooksThroughNat64) {
  expect_rows({{"64:ff9b::7f00:1", loopback},
               {"64:ff9b::a00:1", private_},
               {"64:ff9b::808:808", global},
               {"64:ff9b:1::808:808", special},
               {"64:ff9b:1::7f00:1", loopback},
               {"64:ff9b:1:7f00:0:100::", loopback}});
}

TEST(AddressClass, I_07_LooksThroughConfiguredNat64Prefixes) {
  const auto prefix = [](const char* text) { return std::vector<Cidr>{Cidr::parse(text).value()}; };
  // The examples of RFC 6052, 2.4, with 10.0.2.33 for 192.0.2.33.
  EXPECT_EQ(kind_of("2606:4700:a00:221::", prefix("2606:4700::/32")).kind, private_);
  EXPECT_EQ(kind_of("2606:4700:10a:2:21::", prefix("2606:4700:100::/40")).kind, private_);
  EXPECT_EQ(kind_of("2606:4700:122:a00:2:2100::", prefix("2606:4700:122::/48")).kind, private_);
  EXPECT_EQ(kind_of("2606:4700:122:30a:0:221::", prefix("2606:4700:122:300::/56")).kind, private_);
  EXPECT_EQ(kind_of("2606:4700:122:344:a:2:2100::", prefix("2606:4700:122:344::/64")).kind, private_);
  EXPECT_EQ(kind_of("2606:4700:122:344::a00:221", prefix("2606:4700:122:344::/96")).kind, private_);
  EXPECT_EQ(kind_of("64:ff9b:1::808:808", prefix("64:ff9b:1::/96")).kind, global);
  EXPECT_EQ(kind_of("fd64::7f00:1", prefix("fd64::/96")).kind, loopback);
  EXPECT_EQ(kind_of("fd64::808:808", prefix("fd64::/95")).kind, private_)
      << "no prefix of RFC 6052: not looked through";
  EXPECT_EQ(kind_of("fd65::808:808", prefix("fd64::/96")).kind, private_);
}

TEST(AddressClass, I_08_Refuses6to4AndTeredoWholesale) {
  expect_rows({{"2002:808:808::1", special},
               {"2002:7f00:1::", loopback},
               {"2002:a9fe:a9fe::", metadata},
               {"2001::1", special},
               {"2001:0:808:808:0:0:f7f7:f7f7", special},
               {"2001:0:808:808:0:0:80ff:fffe", loopback},
               {"2001:0:7f00:1:0:0:f7f7:f7f7", loopback}});
}

TEST(AddressClass, I_09_KnowsTheIpv6Registry) {
  expect_rows({{"::", loopback},       {"fec0::1", special},      {"fe80::1", special},      {"febf::1", special},
               {"ff02::1", special},   {"100::1", special},       {"100:0:0:1::1", special}, {"2001:1::1", special},
               {"2001:2::1", special}, {"2001:10::1", special},   {"2001:20::1", special},   {"2001:db8::1", special},
               {"3fff::1", special},   {"5f00::1", special},      {"4000::1", special},      {"e000::1", special},
               {"200::1", special},    {"64:ff9b:2::1", special}, {"fe00::1", special},      {"::1:0:0:0", special}});
}

TEST(AddressClass, I_10_KnowsCarrierGradeNat) {
  expect_rows({{"100.64.0.0", private_}, {"100.127.255.255", private_}});
}

TEST(AddressClass, NamesTheBlockAndItsRange) {
  const AddressKind kind = kind_of("10.1.2.3");
  EXPECT_EQ(kind.block, "10.0.0.0/8 (RFC 1918)");
  EXPECT_EQ(kind.range, Cidr::parse("10.0.0.0/8").value());
  EXPECT_EQ(kind_of("169.254.169.254").range, Cidr::parse("169.254.169.254").value());
  EXPECT_EQ(kind_of("4000::1").range, Cidr::parse("4000::1").value());
}

}  // namespace
}  // namespace sallyport
