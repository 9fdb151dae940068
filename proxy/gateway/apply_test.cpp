#include "proxy/gateway/apply.hpp"

#include "proxy/gateway/network_for_test.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <unistd.h>

namespace sallyport {
namespace {

using sallyport::test::Namespace;
using testing::HasSubstr;

class GatewayApply : public testing::TestWithParam<Steering> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to make network namespaces";
    router_ = std::make_unique<Namespace>();
    plan_.interfaces = {"br-agents", "br-more"};
    plan_.agents = {Cidr::parse("10.20.0.0/16").value(), Cidr::parse("10.30.0.7").value(),
                    Cidr::parse("fd20::/64").value()};
    plan_.host_ports = {3128};
    plan_.steering = GetParam();
  }

  void apply(Gateway& gateway) {
    router_->inside([&] {
      const auto applied = gateway.apply();
      ASSERT_TRUE(applied) << applied.error().text;
    });
  }
  // The reason why the rules are not as they should be; empty where they are.
  std::string complaint(Gateway& gateway) {
    std::string out;
    router_->inside([&] {
      const auto installed = gateway.installed();
      if (!installed) out = installed.error().text;
    });
    return out;
  }
  std::string everything() {
    return router_->output(
        "nft -s list ruleset; ip rule; ip -6 rule; ip route show table all; ip -6 route show table all");
  }
  std::string first_handle(const std::string& chain) {
    return router_->output("nft -a list chain inet sallyport " + chain +
                           " | sed -n 's/.*tcp.*# handle \\([0-9]*\\)$/\\1/p' | head -n 1 | tr -d '\\n'");
  }

  std::unique_ptr<Namespace> router_;
  GatewayPlan plan_;
};

TEST_P(GatewayApply, TriesTheRulesOutWithoutAChange) {
  const std::string before = everything();
  router_->inside([&] {
    const auto tried = Gateway(plan_).try_out();
    EXPECT_TRUE(tried) << tried.error().text;
  });
  EXPECT_EQ(everything(), before);
}

TEST_P(GatewayApply, TwiceIsTheSameAsOnce) {
  Gateway gateway(plan_);
  apply(gateway);
  const std::string once = everything();
  apply(gateway);
  EXPECT_EQ(everything(), once);
  EXPECT_EQ(complaint(gateway), "");
}

TEST_P(GatewayApply, RemoveLeavesNothingBehind) {
  const std::string before = everything();
  Gateway gateway(plan_);
  apply(gateway);
  EXPECT_EQ(complaint(gateway), "");
  EXPECT_NE(everything(), before);
  router_->inside([] {
    EXPECT_TRUE(remove_gateway());
    EXPECT_TRUE(remove_gateway());
  });
  EXPECT_EQ(everything(), before);
}

TEST_P(GatewayApply, ChangingTheSteeringLeavesNothingOfTheOther) {
  Gateway gateway(plan_);
  apply(gateway);
  const std::string wanted = everything();
  GatewayPlan other = plan_;
  other.steering = plan_.steering == Steering::tproxy ? Steering::redirect : Steering::tproxy;
  other.mark = 77;
  Gateway another(other);
  apply(another);
  EXPECT_EQ(complaint(another), "");
  EXPECT_NE(complaint(gateway), "");
  apply(gateway);
  EXPECT_EQ(everything(), wanted);
}

TEST_P(GatewayApply, LeavesOtherTablesAlone) {
  router_->shell("nft add table inet others && nft add chain inet others here");
  Gateway gateway(plan_);
  apply(gateway);
  router_->inside([] { EXPECT_TRUE(remove_gateway()); });
  EXPECT_THAT(everything(), HasSubstr("table inet others"));
}

TEST_P(GatewayApply, NoticesAMissingTable) {
  Gateway gateway(plan_);
  EXPECT_THAT(complaint(gateway), HasSubstr("missing"));
  apply(gateway);
  router_->shell("nft delete table inet sallyport");
  EXPECT_THAT(complaint(gateway), HasSubstr("missing"));
}

TEST_P(GatewayApply, NoticesEveryWayToSoftenTheRules) {
  const std::string handle = "HANDLE";
  const std::vector<std::string> ways = {
      "nft flush ruleset",
      "nft flush table inet sallyport",
      "nft flush chain inet sallyport gate_of_agents",
      "nft delete rule inet sallyport arrivals_of_agents handle HANDLE",
      "nft insert rule inet sallyport gate_of_agents accept",
      "nft add rule inet sallyport pass accept",
      "nft add chain inet sallyport more",
      "nft add chain inet sallyport edge '{ policy drop ; }'",
      "nft add table inet sallyport '{ flags dormant ; }'",
  };
  for (std::string way : ways) {
    Gateway gateway(plan_);
    apply(gateway);
    ASSERT_EQ(complaint(gateway), "");
    if (const auto at = way.find(handle); at != std::string::npos) {
      way.replace(at, handle.size(), first_handle("arrivals_of_agents"));
    }
    router_->shell(way);
    EXPECT_NE(complaint(gateway), "") << way;
  }
}

TEST_P(GatewayApply, CountersThatCountAreNoChange) {
  plan_.interfaces = {"a0"};
  plan_.agents.clear();
  Gateway gateway(plan_);
  apply(gateway);
  router_->shell("ip link add name a0 type veth peer name b0 && ip addr add 10.9.0.1/24 dev a0 && ip link set a0 up");
  const Namespace peer;
  router_->shell("ip link set b0 netns " + peer.path());
  peer.shell("ip addr add 10.9.0.2/24 dev b0 && ip link set b0 up");
  peer.inside([] { EXPECT_NE(sallyport::test::udp_answer(sallyport::test::udp_send({"10.9.0.1", 443}, "x")), 0); });
  EXPECT_EQ(complaint(gateway), "");
}

TEST_P(GatewayApply, RemoveTakesACopyThatAKilledCheckLeftBehind) {
  const std::string before = everything();
  router_->shell("nft add table inet sallyport_expected_1");
  router_->inside([] { EXPECT_TRUE(remove_gateway()); });
  EXPECT_EQ(everything(), before);
}

TEST_P(GatewayApply, ClosesEvenWhereRoutingCannotBeAdded) {
  router_->shell("ip link set lo down");
  Gateway gateway(plan_);
  router_->inside([&] { EXPECT_EQ(static_cast<bool>(gateway.apply()), GetParam() == Steering::redirect); });
  EXPECT_THAT(everything(), HasSubstr("refuse_passage"));
  EXPECT_EQ(complaint(gateway).empty(), GetParam() == Steering::redirect);
}

TEST_P(GatewayApply, NoticesMissingRoutingOfTproxy) {
  if (GetParam() != Steering::tproxy) return;
  for (const char* way : {"ip rule del priority 15001", "ip -6 rule del priority 15001", "ip route flush table 15001",
                          "ip -6 route flush table 15001"}) {
    Gateway gateway(plan_);
    apply(gateway);
    ASSERT_EQ(complaint(gateway), "");
    router_->shell(way);
    EXPECT_THAT(complaint(gateway), HasSubstr("missing")) << way;
  }
}

INSTANTIATE_TEST_SUITE_P(Ways, GatewayApply, testing::Values(Steering::redirect, Steering::tproxy),
                         [](const auto& way) {
                           return std::string(way.param == Steering::redirect ? "Redirect" : "Tproxy");
                         });

}  // namespace
}  // namespace sallyport
