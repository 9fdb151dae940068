#include "proxy/gateway/rules.hpp"

#include <algorithm>
#include <cctype>
#include <stdexcept>

namespace sallyport {
namespace {

template <class Range, class Text>
std::string set_of(const Range& range, Text text) {
  std::string out;
  for (const auto& element : range) out += (out.empty() ? "{ " : ", ") + text(element);
  return out + " }";
}

bool is_interface_name(const std::string& name) {
  if (name.empty() || name.size() > 15 || name == "." || name == "..") return false;
  return std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '@' || c == ':';
  });
}

// A set of nftables takes no two prefixes that overlap.
std::vector<Cidr> without_overlaps(std::vector<Cidr> blocks) {
  std::sort(blocks.begin(), blocks.end(), [](const Cidr& a, const Cidr& b) { return a.length() < b.length(); });
  std::vector<Cidr> kept;
  for (const Cidr& block : blocks) {
    if (std::none_of(kept.begin(), kept.end(), [&](const Cidr& other) { return other.contains(block); })) {
      kept.push_back(block);
    }
  }
  std::sort(kept.begin(), kept.end());
  return kept;
}

std::string assigned_only(const std::vector<Cidr>& agents, bool v4) {
  std::vector<Cidr> family;
  std::copy_if(agents.begin(), agents.end(), std::back_inserter(family),
               [v4](const Cidr& block) { return block.base().is_v4() == v4; });
  const std::string end = "counter name spoofed drop\n";
  if (family.empty()) return std::string("    meta nfproto ") + (v4 ? "ipv4 " : "ipv6 ") + end;
  const auto text = [](const Cidr& block) { return block.text(); };
  return (v4 ? "    ip saddr != " : "    ip6 saddr != ") + set_of(without_overlaps(family), text) + " " + end;
}

// What a host on a link must say to have an address at all. RFC 4861: nothing of it ever crosses a router (hop limit).
constexpr const char* link_rules =
    "    ip6 hoplimit 255 icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } accept\n"
    "    ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept\n"
    "    fib daddr type local udp sport 68 udp dport 67 accept\n"
    "    ip6 saddr fe80::/10 udp sport 546 udp dport 547 accept\n";

// Answers to the host's own connections, and errors about known ones (path MTU above all).
constexpr const char* known_rules =
    "    ct state established ct direction reply accept\n"
    "    ct state related icmp type { destination-unreachable, time-exceeded, parameter-problem } accept\n"
    "    ct state related icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } "
    "accept\n";

constexpr const char* refuse_rules =
    "    meta l4proto tcp counter name refused reject with tcp reset\n"
    "    meta l4proto udp counter name refused reject with icmpx type port-unreachable\n"
    "    counter name refused drop\n";

struct Writer {
  const GatewayPlan& plan;
  std::string interfaces = set_of(plan.interfaces, [](const std::string& name) { return '"' + name + '"'; });
  std::string transparent = std::to_string(plan.transparent_port);
  std::string dns = std::to_string(plan.dns_port);
  std::string mark = std::to_string(plan.mark);
  bool tproxy = plan.steering == Steering::tproxy;

  std::string host_ports() const {
    return set_of(plan.host_ports, [](std::uint16_t port) { return std::to_string(port); });
  }

  std::string hook(const char* name, const char* type, const char* where, const char* priority,
                   const char* target) const {
    return std::string("  chain ") + name + " {\n    type " + type + " hook " + where + " priority " + priority +
           "; policy accept;\n    iifname " + interfaces + " goto " + target + "\n";
  }

  // Before fragments are put together and connections tracked: what could hide a header, or lies about its source.
  std::string edge() const {
    std::string out = hook("edge", "filter", "prerouting", "-450", "edge_of_agents") +
                      "  }\n"
                      "  chain edge_of_agents {\n"
                      "    ip frag-off & 0x3fff != 0 counter name fragments drop\n"
                      "    ip hdrlength != 5 counter name header_options drop\n"
                      "    ip6 nexthdr 44 counter name fragments drop\n"
                      // MLD reports: a multicast matter behind a hop-by-hop header, and every IPv6 host sends them.
                      "    ip6 nexthdr 0 ip6 daddr ff00::/8 counter name multicast drop\n"
                      "    ip6 nexthdr 0 counter name header_options drop\n"
                      "    ip6 nexthdr { 43, 51, 60, 135, 139, 140 } counter name header_options drop\n";
    out += link_rules;
    out += "    fib saddr type { local, broadcast, multicast } counter name spoofed drop\n";
    if (!plan.agents.empty()) out += assigned_only(plan.agents, true) + assigned_only(plan.agents, false);
    return out + "  }\n";
  }

  std::string gate() const {
    std::string out =
        hook("gate", "filter", "prerouting", "mangle", "gate_of_agents") + "  }\n  chain gate_of_agents {\n";
    out += link_rules;
    out +=
        "    ip daddr 224.0.0.0/4 counter name multicast drop\n"
        "    ip6 daddr ff00::/8 counter name multicast drop\n"
        "    fib daddr type { broadcast, multicast } counter name multicast drop\n"
        // A late packet of a connection that lives: an answer with RST would end it.
        "    ct state invalid counter name invalid drop\n";
    out += known_rules;
    out += "    meta l4proto { tcp, udp } th dport 53 accept\n";
    if (!plan.host_ports.empty()) out += "    fib daddr type local tcp dport " + host_ports() + " accept\n";
    out += "    fib daddr type local tcp dport " + transparent + " counter name refused reject with tcp reset\n";
    // Without a listener `tproxy` does not match, and the packet goes on to be refused.
    if (tproxy) out += "    meta l4proto tcp tproxy to :" + transparent + " meta mark set " + mark + " accept\n";
    if (!tproxy) out += "    meta l4proto tcp accept\n";
    out += refuse_rules;
    return out + "  }\n";
  }

  // Ahead of other programs' destination NAT: the first mapping of a connection is the one that stays.
  std::string steer() const {
    std::string out =
        hook("steer", "nat", "prerouting", "dstnat - 10", "steer_agents") + "  }\n  chain steer_agents {\n";
    out += "    meta l4proto { tcp, udp } th dport 53 redirect to :" + dns + "\n";
    if (!plan.host_ports.empty()) out += "    fib daddr type local tcp dport " + host_ports() + " accept\n";
    if (!tproxy) out += "    meta l4proto tcp redirect to :" + transparent + "\n";
    return out + "  }\n";
  }

  std::string arrive() const {
    std::string out =
        hook("arrive", "filter", "input", "filter - 10", "arrivals_of_agents") + "  }\n  chain arrivals_of_agents {\n";
    out += link_rules;
    out += "    ct state invalid counter name invalid drop\n";
    out += known_rules;
    out += "    meta l4proto { tcp, udp } th dport " + dns + " ct original proto-dst 53 accept\n";
    if (tproxy) {
      out += "    meta l4proto tcp meta mark " + mark + " socket transparent 1 accept\n";
    } else {
      out += "    tcp dport " + transparent + " ct status dnat accept\n";
    }
    if (!plan.host_ports.empty()) out += "    tcp dport " + host_ports() + " accept\n";
    out += refuse_rules;
    return out + "  }\n";
  }

  std::string pass() const {
    return hook("pass", "filter", "forward", "filter - 10", "refuse_passage") + "    oifname " + interfaces +
           " counter name refused drop\n  }\n  chain refuse_passage {\n    ct state invalid counter name invalid "
           "drop\n" +
           refuse_rules + "  }\n";
  }

  std::string body() const {
    std::string out;
    for (const char* name : {"fragments", "header_options", "invalid", "multicast", "refused", "spoofed"}) {
      out += std::string("  counter ") + name + " { }\n";
    }
    return out + edge() + gate() + steer() + arrive() + pass();
  }
};

void require(const GatewayPlan& plan) {
  if (const auto checked = check_plan(plan); !checked) throw std::invalid_argument(checked.error().text);
}

}  // namespace

Outcome<void> check_plan(const GatewayPlan& plan) {
  if (plan.interfaces.empty()) return Complaint{"a gateway needs at least one interface (--interface br-agents)"};
  for (const std::string& name : plan.interfaces) {
    if (!is_interface_name(name)) return Complaint{"'" + name + "' is no interface name; see `ip link`"};
    if (name == "lo") return Complaint{"the interface 'lo' is the host's own; name the one agents come in by"};
  }
  if (plan.transparent_port == 0 || plan.dns_port == 0) return Complaint{"a port is a number from 1 to 65535"};
  if (plan.transparent_port == plan.dns_port) return Complaint{"the transparent port and the DNS port must differ"};
  for (const std::uint16_t port : plan.host_ports) {
    if (port == 0) return Complaint{"a port is a number from 1 to 65535"};
    if (port == plan.transparent_port || port == plan.dns_port) {
      return Complaint{"port " + std::to_string(port) +
                       " is a steered door and can't also be open to direct connections"};
    }
  }
  if (plan.steering == Steering::tproxy && plan.mark == 0) return Complaint{"tproxy needs a mark other than 0"};
  return {};
}

std::string ruleset(const GatewayPlan& plan) {
  require(plan);
  const std::string table = std::string("table inet ") + gateway_table;
  // Declaring first lets the deletion succeed where there is no table yet.
  return table + "\ndelete " + table + "\n" + table + " {\n" + Writer{plan}.body() + "}\n";
}

std::string dormant_ruleset(const GatewayPlan& plan, const std::string& name) {
  require(plan);
  const std::string table = "table inet " + name;
  return table + "\ndelete " + table + "\n" + table + " {\n  flags dormant\n" + Writer{plan}.body() + "}\n";
}

std::string boot_unit(const GatewayPlan& plan, const std::string& program) {
  require(plan);
  std::string command = program + " gateway apply";
  for (const std::string& name : plan.interfaces) command += " --interface " + name;
  for (const Cidr& block : plan.agents) command += " --agents " + block.text();
  for (const std::uint16_t port : plan.host_ports) command += " --host-port " + std::to_string(port);
  command += " --transparent-port " + std::to_string(plan.transparent_port);
  command += " --dns-port " + std::to_string(plan.dns_port);
  if (plan.steering == Steering::tproxy) command += " --tproxy --mark " + std::to_string(plan.mark);
  return "[Unit]\n"
         "Description=Sallyport gateway: agents' interfaces are closed, whether or not the daemon runs\n"
         "DefaultDependencies=no\n"
         "After=local-fs.target nftables.service\n"
         "Before=network-pre.target sallyport.service\n"
         "Wants=network-pre.target\n"
         "\n"
         "[Service]\n"
         "Type=oneshot\n"
         "RemainAfterExit=yes\n"
         "ExecStart=" +
         command +
         "\n"
         "ExecReload=" +
         command +
         "\n"
         "CapabilityBoundingSet=CAP_NET_ADMIN\n"
         "NoNewPrivileges=yes\n"
         "\n"
         "[Install]\n"
         "WantedBy=sysinit.target\n"
         "RequiredBy=network-pre.target\n";
}

}  // namespace sallyport
