// A router between agents and the world, with the rules in force: what lands where, and what goes nowhere.
#include "proxy/gateway/apply.hpp"
#include "proxy/gateway/network_for_test.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <unistd.h>

namespace sallyport {
namespace {

using namespace sallyport::test;
using testing::HasSubstr;
using testing::Not;

constexpr std::uint16_t door = 15001;
constexpr std::uint16_t dns_door = 15053;

void require_ok(const Outcome<void>& outcome) {
  if (!outcome) throw std::runtime_error(outcome.error().text);
}

// agent (10.77.0.2, fd77::2) -- veth "agents0" -- router -- veth "world0" -- world (192.0.2.80, 2001:db8:2::80).
// The router forwards, so what does not arrive in the world was stopped by the rules.
struct Network {
  Namespace agent;
  Namespace router;
  Namespace world;

  Network() {
    // An address that is still being looked for twice (RFC 4862, 5.4) answers nobody for a second.
    for (const Namespace* each : {&agent, &router, &world}) {
      each->shell("echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad");
    }
    router.shell(
        "echo 1 >/proc/sys/net/ipv4/ip_forward && echo 1 >/proc/sys/net/ipv6/conf/all/forwarding && "
        "echo 0 >/proc/sys/net/ipv4/icmp_ratelimit && echo 0 >/proc/sys/net/ipv6/icmp/ratelimit");
    join("agents0", agent, "10.77.0.1/24", "fd77::1/64", "10.77.0.2/24", "fd77::2/64");
    join("world0", world, "192.0.2.1/24", "2001:db8:2::1/64", "192.0.2.80/24", "2001:db8:2::80/64");
    for (const Namespace* end : {&agent, &world}) {
      const std::string v4 = end == &agent ? "10.77.0.1" : "192.0.2.1";
      const std::string v6 = end == &agent ? "fd77::1" : "2001:db8:2::1";
      end->shell("ip route add default via " + v4 + " && ip -6 route add default via " + v6);
    }
  }

  void join(const std::string& name, const Namespace& end, const std::string& near4, const std::string& near6,
            const std::string& far4, const std::string& far6) const {
    router.shell("ip link add name " + name + " type veth peer name eth0 && ip link set eth0 netns " + end.path());
    router.shell("ip addr add " + near4 + " dev " + name + " && ip addr add " + near6 + " dev " + name +
                 " nodad && ip link set " + name + " up");
    end.shell("ip addr add " + far4 + " dev eth0 && ip addr add " + far6 + " dev eth0 nodad && ip link set eth0 up");
  }
};

GatewayPlan plan() {
  GatewayPlan out;
  out.interfaces = {"agents0"};
  out.transparent_port = door;
  out.dns_port = dns_door;
  return out;
}

class GatewayNetwork : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to make network namespaces";
    network_ = std::make_unique<Network>();
  }

  void apply(const GatewayPlan& wanted) {
    network_->router.inside([&] { require_ok(Gateway(wanted).apply()); });
  }
  Handle listener(const std::string& address, std::uint16_t port, Transparent transparent = Transparent::no) {
    return network_->router.open_inside([&] { return tcp_listener(address, port, transparent); });
  }
  int connect_error(const Endpoint& to, const std::string& from = "") {
    int error = -1;
    network_->agent.inside([&] { error = tcp_connect(to, from).error; });
    return error;
  }
  // What the agent hears back after one datagram.
  int udp_error(const Endpoint& to, const std::string& from = "", int milliseconds = 2000) {
    int error = -1;
    network_->agent.inside([&] { error = udp_answer(udp_send(to, "hello", from), milliseconds); });
    return error;
  }
  std::string listing() { return network_->router.output("nft list table inet sallyport"); }
  // Counters count packets once dropped: the text `packets N` of a counter.
  unsigned long counted(const std::string& name) {
    const std::string text = network_->router.output("nft list counter inet sallyport " + name);
    return std::stoul(text.substr(text.find("packets ") + 8));
  }
  // Connects from the agent and looks at what the door accepted.
  void expect_steered(const Handle& at, const Endpoint& to, const std::string& from = "") {
    Connected connected;
    network_->agent.inside([&] { connected = tcp_connect(to, from); });
    EXPECT_EQ(connected.error, 0) << to.address << " " << to.port;
    const Handle accepted = accept_one(at);
    ASSERT_TRUE(accepted.open()) << to.address << " " << to.port;
    const bool redirected = local_address(accepted).port == door && to.port != door;
    const Endpoint arrived = redirected || local_address(accepted) != to ? original_destination(accepted) : to;
    EXPECT_EQ(arrived.address, to.address);
    EXPECT_EQ(arrived.port, to.port);
    EXPECT_EQ(peer_address(accepted), local_address(connected.socket));
  }

  std::unique_ptr<Network> network_;
};

const std::vector<Endpoint> anywhere = {{"192.0.2.80", 443},     {"203.0.113.9", 1},       {"10.77.0.1", 22},
                                        {"192.0.2.1", 65535},    {"2001:db8:2::80", 443},  {"2001:db8:ffff::9", 1},
                                        {"fd77::1", 22},         {"2001:db8:2::1", 65535}, {"192.0.2.80", door},
                                        {"2001:db8:2::80", door}};

TEST_F(GatewayNetwork, TheWorldIsReachableBeforeTheRules) {
  const Handle server4 = network_->world.open_inside([] { return tcp_listener("192.0.2.80", 443); });
  const Handle server6 = network_->world.open_inside([] { return tcp_listener("2001:db8:2::80", 443); });
  EXPECT_EQ(connect_error({"192.0.2.80", 443}), 0);
  EXPECT_EQ(connect_error({"2001:db8:2::80", 443}), 0);
}

TEST_F(GatewayNetwork, P_11_SteersEveryTcpPortOfBothFamiliesToTheDoor) {
  apply(plan());
  const Handle at = listener("::", door);
  for (const Endpoint& to : anywhere) expect_steered(at, to);
}

TEST_F(GatewayNetwork, P_11_TproxySteersEveryTcpPortOfBothFamiliesToTheDoor) {
  GatewayPlan wanted = plan();
  wanted.steering = Steering::tproxy;
  apply(wanted);
  const Handle at = listener("::", door, Transparent::yes);
  for (const Endpoint& to : anywhere) expect_steered(at, to);
}

TEST_F(GatewayNetwork, RefusesConnectionsToTheDoorItself) {
  for (const Steering steering : {Steering::redirect, Steering::tproxy}) {
    GatewayPlan wanted = plan();
    wanted.steering = steering;
    apply(wanted);
    const Handle at = listener("::", door, steering == Steering::tproxy ? Transparent::yes : Transparent::no);
    for (const char* own : {"10.77.0.1", "192.0.2.1", "fd77::1", "2001:db8:2::1"}) {
      EXPECT_EQ(connect_error({own, door}), ECONNREFUSED) << own;
    }
  }
}

TEST_F(GatewayNetwork, TproxyCarriesBytesBothWays) {
  GatewayPlan wanted = plan();
  wanted.steering = Steering::tproxy;
  apply(wanted);
  const Handle v6 = listener("::", door, Transparent::yes);
  for (const Endpoint& to : {Endpoint{"203.0.113.9", 443}, Endpoint{"2001:db8:ffff::9", 443}}) {
    Connected connected;
    network_->agent.inside([&] { connected = tcp_connect(to); });
    ASSERT_EQ(connected.error, 0) << to.address;
    const Handle accepted = accept_one(v6);
    ASSERT_TRUE(accepted.open());
    char byte = 'x';
    ASSERT_EQ(::write(connected.socket.get(), &byte, 1), 1);
    ASSERT_TRUE(readable(accepted, 2000));
    ASSERT_EQ(::read(accepted.get(), &byte, 1), 1);
    ASSERT_EQ(::write(accepted.get(), &byte, 1), 1);
    EXPECT_TRUE(readable(connected.socket, 2000));
  }
}

TEST_F(GatewayNetwork, D_12_LandsDnsOnTheListenerWhoeverIsAsked) {
  for (const Steering steering : {Steering::redirect, Steering::tproxy}) {
    GatewayPlan wanted = plan();
    wanted.steering = steering;
    apply(wanted);
    const Handle tcp = listener("::", dns_door);
    const Handle udp = network_->router.open_inside([] { return udp_socket("::", dns_door); });
    for (const char* server : {"8.8.8.8", "10.77.0.1", "2001:4860:4860::8888", "fd77::1"}) {
      EXPECT_EQ(connect_error({server, 53}), 0) << server;
      EXPECT_TRUE(accept_one(tcp).open()) << server;
      network_->agent.inside([&] {
        const Handle asked = udp_send({server, 53}, "hello");
        EXPECT_TRUE(echo_one(udp)) << server;
        EXPECT_EQ(udp_answer(asked), 0) << server;
      });
    }
  }
}

TEST_F(GatewayNetwork, P_07_RefusesQuicAndOtherUdpAtOnce) {
  for (const Steering steering : {Steering::redirect, Steering::tproxy}) {
    GatewayPlan wanted = plan();
    wanted.steering = steering;
    apply(wanted);
    const Handle service = network_->router.open_inside([] { return udp_socket("::", 443); });
    const Handle world = network_->world.open_inside([] { return udp_socket("::", 443); });
    for (const char* to : {"192.0.2.80", "10.77.0.1", "2001:db8:2::80", "fd77::1"}) {
      EXPECT_EQ(udp_error({to, 443}), ECONNREFUSED) << to;
    }
    EXPECT_FALSE(readable(service, 0));
    EXPECT_FALSE(readable(world, 0));
    EXPECT_GE(counted("refused"), 4U);
  }
}

TEST_F(GatewayNetwork, RefusesQuicAtOnceWhereTheHostDoesNotForward) {
  network_->router.shell("echo 0 >/proc/sys/net/ipv4/ip_forward; echo 0 >/proc/sys/net/ipv6/conf/all/forwarding");
  apply(plan());
  EXPECT_EQ(udp_error({"192.0.2.80", 443}), ECONNREFUSED);
  EXPECT_EQ(udp_error({"2001:db8:2::80", 443}), ECONNREFUSED);
  expect_steered(listener("::", door), {"2001:db8:2::80", 443});
}

TEST_F(GatewayNetwork, F_03_StaysClosedWhileNobodyListens) {
  const Handle server4 = network_->world.open_inside([] { return tcp_listener("192.0.2.80", 443); });
  const Handle server6 = network_->world.open_inside([] { return tcp_listener("2001:db8:2::80", 443); });
  for (const Steering steering : {Steering::redirect, Steering::tproxy}) {
    GatewayPlan wanted = plan();
    wanted.steering = steering;
    apply(wanted);
    for (const Endpoint& to : anywhere) EXPECT_EQ(connect_error(to), ECONNREFUSED) << to.address << " " << to.port;
    EXPECT_EQ(udp_error({"8.8.8.8", 53}), ECONNREFUSED);
    EXPECT_FALSE(readable(server4, 0));
    EXPECT_FALSE(readable(server6, 0));
  }
}

TEST_F(GatewayNetwork, AnAddressTheAgentGivesItselfIsNoWayRound) {
  network_->agent.shell(
      "ip addr add 172.31.9.9/32 dev eth0 && ip addr add 2001:db8:77::9/128 dev eth0 nodad && "
      "ip addr add 192.0.2.99/32 dev eth0");
  network_->router.shell("ip route add 172.31.9.9 dev agents0 && ip route add 2001:db8:77::9 dev agents0");
  apply(plan());
  const Handle at = listener("::", door);
  expect_steered(at, {"192.0.2.80", 443}, "172.31.9.9");
  expect_steered(at, {"2001:db8:2::80", 443}, "2001:db8:77::9");
}

TEST_F(GatewayNetwork, F_08_DropsSourcesThatAreNotAssigned) {
  network_->agent.shell("ip addr add 10.77.0.3/24 dev eth0 && ip addr add fd77::3/64 dev eth0 nodad");
  GatewayPlan wanted = plan();
  wanted.agents = {Cidr::parse("10.77.0.2").value(), Cidr::parse("fd77::2").value()};
  apply(wanted);
  const Handle at = listener("::", door);
  expect_steered(at, {"192.0.2.80", 443}, "10.77.0.2");
  expect_steered(at, {"2001:db8:2::80", 443}, "fd77::2");
  EXPECT_EQ(udp_error({"192.0.2.80", 443}, "10.77.0.3", 200), ETIMEDOUT);
  EXPECT_EQ(udp_error({"2001:db8:2::80", 443}, "fd77::3", 200), ETIMEDOUT);
  EXPECT_EQ(counted("spoofed"), 2U);
  network_->agent.inside([] {
    const Handle unanswered = udp_send({"192.0.2.80", 53}, "hello", "10.77.0.3");
    EXPECT_EQ(udp_answer(unanswered, 100), ETIMEDOUT);
  });
  EXPECT_EQ(counted("spoofed"), 3U);
}

TEST_F(GatewayNetwork, F_08_ClosesAFamilyWithoutAssignedAddresses) {
  GatewayPlan wanted = plan();
  wanted.agents = {Cidr::parse("10.77.0.2").value()};
  apply(wanted);
  const Handle at = listener("::", door);
  EXPECT_EQ(udp_error({"2001:db8:2::80", 443}, "", 100), ETIMEDOUT);
  EXPECT_EQ(udp_error({"fd77::1", 53}, "", 100), ETIMEDOUT);
  EXPECT_EQ(counted("spoofed"), 2U);
  expect_steered(at, {"192.0.2.80", 443});
}

TEST_F(GatewayNetwork, F_08_DropsTheHostsOwnAddressAsASource) {
  network_->agent.shell("ip addr add 2001:db8:2::1/128 dev eth0 nodad");
  apply(plan());
  EXPECT_EQ(udp_error({"2001:db8:2::80", 443}, "2001:db8:2::1", 200), ETIMEDOUT);
  EXPECT_EQ(counted("spoofed"), 1U);
}

TEST_F(GatewayNetwork, KeepsNeighbourDiscoveryAlive) {
  GatewayPlan wanted = plan();
  wanted.agents = {Cidr::parse("10.77.0.2").value(), Cidr::parse("fd77::2").value()};
  apply(wanted);
  network_->agent.shell("ip neigh flush all; ip -6 neigh flush all");
  network_->router.shell("ip neigh flush all; ip -6 neigh flush all");
  const Handle at = listener("::", door);
  expect_steered(at, {"192.0.2.80", 443});
  expect_steered(at, {"2001:db8:2::80", 443});
}

TEST_F(GatewayNetwork, LetsAnAgentWithoutAnAddressAskForOne) {
  GatewayPlan wanted = plan();
  wanted.agents = {Cidr::parse("10.77.0.2").value()};
  apply(wanted);
  const Handle server = network_->router.open_inside([] { return udp_socket("0.0.0.0", 67); });
  network_->agent.shell("ip addr flush dev eth0 && ip route add 255.255.255.255 dev eth0");
  network_->agent.inside([] { udp_send({"255.255.255.255", 67}, "discover", "0.0.0.0", 68); });
  EXPECT_TRUE(readable(server, 2000));
  EXPECT_EQ(counted("spoofed"), 0U);
}

TEST_F(GatewayNetwork, LeavesTheHostsOwnWayToAgentsOpen) {
  apply(plan());
  const Handle inside4 = network_->agent.open_inside([] { return tcp_listener("::", 22); });
  network_->router.inside([] {
    EXPECT_EQ(tcp_connect({"10.77.0.2", 22}).error, 0);
    EXPECT_EQ(tcp_connect({"fd77::2", 22}).error, 0);
  });
}

TEST_F(GatewayNetwork, ForwardsNothingToAgents) {
  apply(plan());
  const Handle inside = network_->agent.open_inside([] { return udp_socket("::", 9999); });
  network_->world.inside([] {
    EXPECT_EQ(udp_answer(udp_send({"10.77.0.2", 9999}, "hello"), 100), ETIMEDOUT);
    EXPECT_EQ(udp_answer(udp_send({"fd77::2", 9999}, "hello"), 100), ETIMEDOUT);
  });
  EXPECT_FALSE(readable(inside, 0));
  EXPECT_EQ(counted("refused"), 2U);
}

TEST_F(GatewayNetwork, EndsConnectionsThatWereForwardedBeforeTheRules) {
  const Handle server = network_->world.open_inside([] { return tcp_listener("192.0.2.80", 443); });
  Connected connected;
  network_->agent.inside([&] { connected = tcp_connect({"192.0.2.80", 443}); });
  ASSERT_EQ(connected.error, 0);
  const Handle accepted = accept_one(server);
  ASSERT_TRUE(accepted.open());
  apply(plan());
  ASSERT_EQ(::write(connected.socket.get(), "x", 1), 1);
  EXPECT_FALSE(readable(accepted, 200));
}

TEST_F(GatewayNetwork, OpensTheExplicitProxyPortOfTheHostOnly) {
  for (const Steering steering : {Steering::redirect, Steering::tproxy}) {
    GatewayPlan wanted = plan();
    wanted.host_ports = {3128};
    wanted.steering = steering;
    apply(wanted);
    const Handle proxy = listener("::", 3128);
    const Handle admin = listener("::", 9180);
    const Handle at = listener("::", door, steering == Steering::tproxy ? Transparent::yes : Transparent::no);
    EXPECT_EQ(connect_error({"10.77.0.1", 3128}), 0);
    EXPECT_EQ(connect_error({"fd77::1", 3128}), 0);
    EXPECT_TRUE(accept_one(proxy).open());
    expect_steered(at, {"192.0.2.80", 3128});
    expect_steered(at, {"10.77.0.1", 9180});
    EXPECT_FALSE(readable(admin, 0));
  }
}

TEST_F(GatewayNetwork, D_20_DropsAndCountsMulticastAndBroadcast) {
  apply(plan());
  const Handle mdns = network_->router.open_inside([] { return udp_socket("::", 5353); });
  const unsigned long before = counted("multicast");
  network_->agent.inside([] {
    udp_send({"224.0.0.251", 5353}, "hello");
    udp_send({"239.255.255.250", 1900}, "hello");
    udp_send({"10.77.0.255", 137}, "hello");
    udp_send({"255.255.255.255", 5353}, "hello");
  });
  EXPECT_GE(counted("multicast"), before + 4);
  EXPECT_FALSE(readable(mdns, 0));
}

TEST_F(GatewayNetwork, P_10_DropsFragmentsAndCountsThem) {
  apply(plan());
  network_->agent.shell("ip link set eth0 mtu 1280; echo 0 >/proc/sys/net/ipv4/ip_no_pmtu_disc; true");
  network_->agent.inside([] {
    const std::string large(4000, 'x');
    EXPECT_EQ(udp_answer(udp_send({"192.0.2.80", 53}, large), 100), ETIMEDOUT);
    EXPECT_EQ(udp_answer(udp_send({"2001:db8:2::80", 53}, large), 100), ETIMEDOUT);
  });
  EXPECT_GE(counted("fragments"), 8U);
}

TEST_F(GatewayNetwork, P_10_AnswersNoPing) {
  const std::vector<std::string> all = {"10.77.0.1", "192.0.2.80", "fd77::1", "2001:db8:2::80"};
  const auto pinged = [&](const std::string& to, int milliseconds) {
    bool answered = false;
    network_->agent.inside([&] { answered = ping(to, milliseconds); });
    return answered;
  };
  for (const std::string& to : all) EXPECT_TRUE(pinged(to, 2000)) << to;
  apply(plan());
  for (const std::string& to : all) EXPECT_FALSE(pinged(to, 100)) << to;
  EXPECT_EQ(counted("refused"), 4U);
}

TEST_F(GatewayNetwork, P_10_DropsOtherProtocolsAndCountsThem) {
  apply(plan());
  constexpr int gre = 47;
  constexpr int sctp = 132;
  network_->agent.inside([] {
    for (const char* to : {"192.0.2.80", "2001:db8:2::80"}) {
      for (const int protocol : {gre, sctp, 253}) send_protocol(to, protocol);
    }
    send_protocol("192.0.2.80", 50);
  });
  // Connection tracking knows GRE and SCTP well enough to call these malformed.
  EXPECT_EQ(counted("refused") + counted("invalid"), 7U);
}

TEST_F(GatewayNetwork, P_10_DropsHeadersThatHideOthersAndCountsThem) {
  apply(plan());
  const Handle udp = network_->router.open_inside([] { return udp_socket("::", dns_door); });
  network_->agent.inside([] {
    udp_send_with_options({"192.0.2.80", 53});
    udp_send_with_options({"2001:db8:2::80", 53});
  });
  EXPECT_EQ(counted("header_options"), 2U);
  EXPECT_FALSE(readable(udp, 0));
}

TEST_F(GatewayNetwork, NeedsItsRulesNoInterfaceYet) {
  GatewayPlan wanted = plan();
  wanted.interfaces = {"agents0", "br-later"};
  apply(wanted);
  network_->router.inside([&] { EXPECT_TRUE(Gateway(wanted).installed()); });
}

}  // namespace
}  // namespace sallyport
