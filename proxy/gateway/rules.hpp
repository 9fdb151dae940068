// The nftables rules of a gateway, as text.
#pragma once
#include "policy/address.hpp"
#include "policy/result.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sallyport {

enum class Steering { redirect, tproxy };

// What a gateway closes, and the doors it leaves. Both listeners must be bound to wildcard addresses: `redirect` sends
// a connection to the first address of the interface it came in by. For `tproxy` the transparent listener has
// IP_TRANSPARENT.
struct GatewayPlan {
  std::vector<std::string> interfaces;  // where agents come in; at least one, by name, need not exist yet
  std::vector<Cidr> agents;             // the addresses assigned to agents; empty: any source
  std::uint16_t transparent_port = 15001;
  std::uint16_t dns_port = 15053;
  std::vector<std::uint16_t> host_ports;  // further TCP ports of this host that agents may reach: the explicit proxy
  Steering steering = Steering::redirect;
  std::uint32_t mark = 0x5a11;  // of steered packets, for tproxy; no other program on this host may use it
};

// The table is `inet` of this name; no other program should use it.
inline constexpr const char* gateway_table = "sallyport";

// Why the plan cannot be made into rules; no error where it can.
Outcome<void> check_plan(const GatewayPlan& plan);

// One transaction for `nft -f`: whatever the table was, it then is this. Rules go by interface, for both families:
//   - TCP goes to the transparent port, port 53 (TCP and UDP) to the DNS port, `host_ports` of the host itself are
//   open;
//   - neighbour discovery, router solicitation, DHCP, DHCPv6, ICMP errors about known connections, and answers to
//     connections that the host itself opened pass;
//   - other UDP is answered with ICMP port unreachable, so that QUIC clients fall back at once;
//   - multicast and broadcast, fragments, IPv4 options, IPv6 extension headers, sources that aren't `agents`, and all
//     other protocols are dropped and counted;
//   - nothing is forwarded from or to these interfaces, and no connection reaches the transparent port unsteered.
// Nothing depends on a daemon that runs: without a listener a steered connection is reset.
// Throws std::invalid_argument where check_plan complains.
std::string ruleset(const GatewayPlan& plan);

// The same rules in the table `name`, switched off (dormant): how the kernel would show them.
std::string dormant_ruleset(const GatewayPlan& plan, const std::string& name);

// A systemd unit that closes the interfaces before the network is up, whether or not the daemon ever starts.
// `program` is the path of the sallyport program.
std::string boot_unit(const GatewayPlan& plan, const std::string& program);

}  // namespace sallyport
