#include "proxy/attach_command.hpp"

#include "proxy/admin_client.hpp"
#include "telemetry/safe_text.hpp"

#include <CLI/CLI.hpp>

#include <filesystem>
#include <iostream>
#include <memory>

namespace sallyport {
namespace {

struct Options {
  AdminPlace place;
  std::string agent, netns;
  std::int64_t pid = 0;
  bool json = false;
};

int fail(const char* command, const std::string& why) {
  std::cerr << "sallyport " << command << ": " << why << '\n';
  return 1;
}

int attach(const Options& options) {
  const auto socket = find_admin_socket(options.place);
  if (!socket) return fail("attach", socket.error().text);
  boost::json::object wanted{{"agent", options.agent}};
  if (options.netns.empty()) {
    wanted.emplace("pid", options.pid);
  } else {
    // As this shell has it: the daemon stands elsewhere.
    wanted.emplace("netns", std::filesystem::absolute(options.netns).lexically_normal().string());
  }
  const auto reply = AdminClient(*socket, "cli").post("/v1/agents", wanted);
  if (!reply) return fail("attach", reply.error().text);
  if (!reply->good()) return fail("attach", reply->problem());
  if (options.json) {
    std::cout << fit_for_terminal(reply->body) << '\n';
    return 0;
  }
  std::cout << "attached: " << fit_for_terminal(options.agent) << ", "
            << fit_for_terminal(text_in(reply->object(), "detail"))
            << ". Its only way out is Sallyport now; `sallyport detach " << fit_for_terminal(options.agent)
            << "` takes it away.\n";
  return 0;
}

int detach(const Options& options) {
  const auto socket = find_admin_socket(options.place);
  if (!socket) return fail("detach", socket.error().text);
  const auto reply = AdminClient(*socket, "cli").remove("/v1/agents/" + percent_encoded(options.agent));
  if (!reply) return fail("detach", reply.error().text);
  if (!reply->good()) return fail("detach", reply->problem());
  std::cout << "detached: " << fit_for_terminal(options.agent) << " reaches nothing now\n";
  return 0;
}

}  // namespace

void add_attach_command(CLI::App& application, int& exit_status) {
  const auto options = std::make_shared<Options>();
  auto* attaching = application.add_subcommand(
      "attach", "Give a network namespace without interfaces its way out through the daemon");
  add_admin_place(*attaching, options->place);
  auto* by = attaching->add_option_group("namespace")->require_option(1);
  by->add_option("--netns", options->netns, "Its file, such as /run/netns/NAME");
  by->add_option("--pid", options->pid, "A process in it, such as a container's first one")->check(CLI::PositiveNumber);
  attaching->add_option("--agent", options->agent, "The name the policy knows it by")->required();
  attaching->add_flag("--json", options->json, "As the API gives it");
  attaching->footer(
      "Example: docker run -d --network none --name work IMAGE\n"
      "         sallyport attach --pid $(docker inspect -f '{{.State.Pid}}' work) --agent release-bot\n"
      "The daemon must have been started as root (and without `attach: false`).");
  attaching->callback([options, &exit_status] { exit_status = attach(*options); });
  auto* detaching = application.add_subcommand("detach", "Take an attached namespace's way out");
  add_admin_place(*detaching, options->place);
  detaching->add_option("NAME", options->agent, "The agent")->required();
  detaching->callback([options, &exit_status] { exit_status = detach(*options); });
}

}  // namespace sallyport
