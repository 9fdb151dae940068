#include "proxy/gateway/rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace sallyport {
namespace {

using testing::HasSubstr;
using testing::Not;

GatewayPlan plan_for(std::vector<std::string> interfaces) {
  GatewayPlan plan;
  plan.interfaces = std::move(interfaces);
  return plan;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(GatewayRules, ReplaceTheTableInOneTransaction) {
  const std::string text = ruleset(plan_for({"br-agents"}));
  EXPECT_TRUE(text.starts_with("table inet sallyport\ndelete table inet sallyport\ntable inet sallyport {\n"));
}

TEST(GatewayRules, NameEveryInterfaceInEveryHook) {
  const std::string text = ruleset(plan_for({"br-agents", "br-more"}));
  EXPECT_EQ(count(text, " hook "), 5U);
  EXPECT_EQ(count(text, "iifname { \"br-agents\", \"br-more\" } goto "), 5U);
  EXPECT_EQ(count(text, "oifname { \"br-agents\", \"br-more\" } counter name refused drop"), 1U);
}

TEST(GatewayRules, EndEveryChainOfAgentsInARefusal) {
  const std::string text = ruleset(plan_for({"br-agents"}));
  EXPECT_EQ(count(text, "    counter name refused drop\n  }\n"), 3U);
}

TEST(GatewayRules, F_08_DropEveryFamilyThatHasNoAssignedAddress) {
  GatewayPlan plan = plan_for({"br-agents"});
  plan.agents = {Cidr::parse("10.20.0.0/16").value()};
  const std::string text = ruleset(plan);
  EXPECT_THAT(text, HasSubstr("ip saddr != { 10.20.0.0/16 } counter name spoofed drop"));
  EXPECT_THAT(text, HasSubstr("meta nfproto ipv6 counter name spoofed drop"));
}

TEST(GatewayRules, WriteOverlappingAssignmentsOnce) {
  GatewayPlan plan = plan_for({"br-agents"});
  plan.agents = {Cidr::parse("10.20.1.0/24").value(), Cidr::parse("10.20.0.0/16").value(),
                 Cidr::parse("10.20.0.0/16").value(), Cidr::parse("10.30.0.7").value()};
  EXPECT_THAT(ruleset(plan), HasSubstr("ip saddr != { 10.20.0.0/16, 10.30.0.7"));
}

TEST(GatewayRules, TakeAnySourceWhereNoneIsAssigned) {
  EXPECT_THAT(ruleset(plan_for({"br-agents"})), Not(HasSubstr("saddr !=")));
}

TEST(GatewayRules, RefuseAPlanThatWouldCloseNothingOrTheHost) {
  EXPECT_FALSE(check_plan(plan_for({})));
  EXPECT_FALSE(check_plan(plan_for({"lo"})));
  EXPECT_THROW(ruleset(plan_for({})), std::invalid_argument);
}

TEST(GatewayRules, RefuseAnInterfaceNameThatWouldBeSyntax) {
  for (const char* name : {"", "a b", "a\"", "a*", "a}\n", "a;flush ruleset", "sixteencharacter", "a/b", "$x", ".."}) {
    EXPECT_FALSE(check_plan(plan_for({name}))) << name;
  }
  EXPECT_TRUE(check_plan(plan_for({"br-0a1b2c3d4e5f"})));
}

TEST(GatewayRules, RefuseDoorsThatCollide) {
  GatewayPlan plan = plan_for({"br-agents"});
  plan.dns_port = plan.transparent_port;
  EXPECT_FALSE(check_plan(plan));
  plan = plan_for({"br-agents"});
  plan.host_ports = {plan.transparent_port};
  EXPECT_FALSE(check_plan(plan));
  plan = plan_for({"br-agents"});
  plan.host_ports = {0};
  EXPECT_FALSE(check_plan(plan));
}

TEST(GatewayRules, MakeAUnitThatRunsBeforeTheNetwork) {
  GatewayPlan plan = plan_for({"br-agents"});
  plan.agents = {Cidr::parse("10.20.0.0/16").value()};
  plan.host_ports = {3128};
  plan.steering = Steering::tproxy;
  const std::string unit = boot_unit(plan, "/usr/bin/sallyport");
  EXPECT_THAT(unit, HasSubstr("Before=network-pre.target"));
  EXPECT_THAT(unit, HasSubstr("DefaultDependencies=no"));
  EXPECT_THAT(unit, HasSubstr("ExecStart=/usr/bin/sallyport gateway apply --interface br-agents --agents 10.20.0.0/16 "
                              "--host-port 3128 --transparent-port 15001 --dns-port 15053 --tproxy --mark 23057\n"));
  EXPECT_THAT(unit, Not(HasSubstr("ExecStop")));
}

}  // namespace
}  // namespace sallyport
