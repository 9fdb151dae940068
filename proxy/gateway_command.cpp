#include "proxy/gateway_command.hpp"

#include "proxy/gateway/apply.hpp"
#include "proxy/gateway/rules.hpp"

#include <CLI/CLI.hpp>
#include <climits>

#include <iostream>
#include <memory>
#include <unistd.h>

namespace sallyport {
namespace {

struct Options {
  std::vector<std::string> interfaces;
  std::vector<std::string> agents;
  std::vector<std::uint16_t> host_ports;
  std::uint16_t transparent_port = 15001;
  std::uint16_t dns_port = 15053;
  std::uint32_t mark = GatewayPlan{}.mark;
  bool tproxy = false;
  bool unit = false;
};

constexpr int done = 0;
constexpr int refused = 1;
constexpr int wrong_usage = 2;

int complain(const Complaint& complaint, int status) {
  std::cerr << "sallyport gateway: " << complaint.text << '\n';
  return status;
}

Outcome<GatewayPlan> plan_of(const Options& options) {
  GatewayPlan plan;
  plan.interfaces = options.interfaces;
  for (const std::string& text : options.agents) {
    const auto block = Cidr::parse(text);
    if (!block) return Complaint{"--agents " + text + ": " + block.error().text};
    plan.agents.push_back(*block);
  }
  plan.host_ports = options.host_ports;
  plan.transparent_port = options.transparent_port;
  plan.dns_port = options.dns_port;
  plan.mark = options.mark;
  plan.steering = options.tproxy ? Steering::tproxy : Steering::redirect;
  if (const auto checked = check_plan(plan); !checked) return checked.error();
  return plan;
}

std::string own_path() {
  char path[PATH_MAX];
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
  return size > 0 ? std::string(path, static_cast<std::size_t>(size)) : "/usr/bin/sallyport";
}

int print(const Options& options) {
  const auto plan = plan_of(options);
  if (!plan) return complain(plan.error(), wrong_usage);
  std::cout << (options.unit ? boot_unit(*plan, own_path()) : ruleset(*plan)) << std::flush;
  return std::cout ? done : refused;
}

int apply(const Options& options) {
  const auto plan = plan_of(options);
  if (!plan) return complain(plan.error(), wrong_usage);
  Gateway gateway(*plan);
  if (const auto applied = gateway.apply(); !applied) return complain(applied.error(), refused);
  // Said to be closed only when the kernel says so, too.
  if (const auto installed = gateway.installed(); !installed) return complain(installed.error(), refused);
  return done;
}

int remove() {
  if (const auto removed = remove_gateway(); !removed) return complain(removed.error(), refused);
  return done;
}

void add_plan_options(CLI::App& command, Options& options) {
  command.add_option("--interface", options.interfaces, "an interface agents come in by; may be repeated")
      ->required()
      ->type_name("IF");
  command.add_option("--agents", options.agents, "addresses assigned to agents; all other sources are dropped")
      ->type_name("CIDR");
  command.add_option("--host-port", options.host_ports, "a TCP port of this host agents may reach: the explicit proxy")
      ->type_name("N");
  command.add_option("--transparent-port", options.transparent_port, "where TCP goes")->type_name("N");
  command.add_option("--dns-port", options.dns_port, "where port 53 goes")->type_name("N");
  command.add_flag("--tproxy", options.tproxy, "steer by tproxy instead of redirect");
  command.add_option("--mark", options.mark, "the packet mark of tproxy")->type_name("N");
}

}  // namespace

void add_gateway_command(CLI::App& application, int& exit_status) {
  auto options = std::make_shared<Options>();
  CLI::App* gateway = application.add_subcommand("gateway", "The nftables rules for a router or a host bridge");
  gateway->require_subcommand(1);

  CLI::App* printing = gateway->add_subcommand("print", "Show the rules (for nft -f), or the boot unit");
  add_plan_options(*printing, *options);
  printing->add_flag("--unit", options->unit, "a systemd unit that closes the interfaces before the network is up");
  printing->callback([options, &exit_status] { exit_status = print(*options); });

  CLI::App* applying = gateway->add_subcommand("apply", "Put the rules in force; they stay while no daemon runs");
  add_plan_options(*applying, *options);
  applying->callback([options, &exit_status] { exit_status = apply(*options); });

  CLI::App* removing = gateway->add_subcommand("remove", "Take the rules away: the interfaces are open again");
  // Accepted so that a command line of apply can be edited into this one; there is one table for all interfaces.
  std::vector<std::string>& ignored = options->interfaces;
  removing->add_option("--interface", ignored, "has no effect: all interfaces are opened")->type_name("IF");
  removing->callback([&exit_status] { exit_status = remove(); });
}

}  // namespace sallyport
