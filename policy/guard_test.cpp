#include "policy/policy_test_support.hpp"

namespace sallyport::test {
namespace {

bool passes(const Policy& policy, std::string_view to, std::string_view address) {
  const auto destination = parse_authority(to, 443);
  const Query query{"default", *destination, Spoken::tls, std::nullopt, false, some_day()};
  const std::array nat64{*Cidr::parse("2001:db8:64::/96")};
  return !policy.guard(query, policy.decide(query), *Address::parse(address), nat64);
}

TEST(Guard, I_10_PrivateGroundNeedsARuleThatSaysSo) {
  const auto policy = policy_of(
      "default: deny\nrules:\n  - allow: plain.test\n  - {allow: open.test, private: true}\n"
      "  - allow: [exact.test, 10.1.2.3]\n  - allow: [block.test, 192.168.7.0/24]\n  - allow: [wide.test, 0.0.0.0/0]\n"
      "  - allow: [meta.test, 169.254.0.0/16]\n  - allow: [metaexact.test, 169.254.169.254]\n  - allow: [lo.test, "
      "127.0.0.1]\n"
      "  - {allow: any, ports: [99], private: false}\n");
  struct Row {
    const char *to, *address;
    bool passes;
  };
  const std::vector<Row> table{
      {"plain.test", "93.184.216.34", true},    {"plain.test", "10.1.2.3", false},
      {"plain.test", "::ffff:10.1.2.3", false}, {"plain.test", "64:ff9b::a01:203", false},
      {"open.test", "10.1.2.3", true},          {"open.test", "100.64.0.1", true},
      {"open.test", "fd12::1", true},           {"open.test", "169.254.1.1", false},
      {"open.test", "169.254.169.254", false},  {"open.test", "100.100.100.200", false},
      {"open.test", "127.0.0.1", false},        {"exact.test", "10.1.2.3", true},
      {"exact.test", "10.1.2.4", false},        {"block.test", "192.168.7.9", true},
      {"block.test", "192.168.8.9", false},     {"wide.test", "10.0.0.1", false},
      {"wide.test", "8.8.8.8", true},           {"meta.test", "169.254.3.4", true},
      {"meta.test", "169.254.169.254", false},  {"metaexact.test", "169.254.169.254", true},
      {"lo.test", "127.0.0.1", false},          {"lo.test", "::1", false},
      {"10.1.2.3", "10.1.2.3", true},           {"10.9.9.9:99", "10.9.9.9", false},
  };
  for (const Row& row : table) EXPECT_EQ(passes(*policy, row.to, row.address), row.passes) << row.to << row.address;
}

TEST(Guard, ADenyOfAddressesHoldsForWhatANameResolvesTo) {
  const auto policy = policy_of(
      "rules:\n  - allow: a.test\n  - {deny: 93.184.216.0/24, except: 93.184.216.1}\n  - {deny: 8.8.8.8, ports: "
      "[53]}\n");
  EXPECT_FALSE(passes(*policy, "a.test", "93.184.216.34"));
  EXPECT_FALSE(passes(*policy, "a.test", "::ffff:93.184.216.34"));
  EXPECT_FALSE(passes(*policy, "a.test", "64:ff9b::5db8:d822"));
  EXPECT_TRUE(passes(*policy, "a.test", "93.184.216.1"));
  EXPECT_TRUE(passes(*policy, "a.test", "8.8.8.8"));
}

TEST(Guard, NothingPassesForADeniedDestination) {
  EXPECT_FALSE(passes(*policy_of("default: deny\n"), "a.test", "93.184.216.34"));
}

}  // namespace
}  // namespace sallyport::test
