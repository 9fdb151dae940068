#include "proxy/admin_command.hpp"

#include "proxy/admin_client.hpp"
#include "telemetry/safe_text.hpp"

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <functional>
#include <iomanip>
#include <iostream>
#include <memory>

namespace sallyport {
namespace {

struct Options {
  AdminPlace place;
  std::string name, role = "approver";
  bool json = false;
};

int fail(const std::string& why) {
  std::cerr << "sallyport admin: " << why << '\n';
  return 1;
}

// With a client of the daemon that `place` means; the exit status.
int with_client(const Options& options, const std::function<int(const AdminClient&)>& act) {
  const auto socket = find_admin_socket(options.place);
  if (!socket) return fail(socket.error().text);
  return act(AdminClient(*socket, "cli"));
}

int list(const Options& options, const AdminClient& client) {
  const auto tokens = client.list("/v1/tokens", "tokens");
  if (!tokens) return fail(tokens.error().text);
  if (options.json) {
    std::cout << boost::json::serialize(boost::json::object{{"tokens", *tokens}}) << '\n';
    return 0;
  }
  std::cout << std::left << std::setw(24) << "NAME" << std::setw(10) << "ROLE"
            << "CREATED\n";
  for (const auto& each : *tokens) {
    if (!each.is_object()) continue;
    const auto& token = each.get_object();
    std::cout << std::setw(24) << fit_for_terminal(text_in(token, "name")) << std::setw(10)
              << fit_for_terminal(text_in(token, "role")) << fit_for_terminal(text_in(token, "created")) << '\n';
  }
  return 0;
}

int create(const Options& options, const AdminClient& client) {
  const boost::json::object wanted{{"name", options.name}, {"role", options.role}};
  const auto reply = client.post("/v1/tokens", wanted);
  if (!reply) return fail(reply.error().text);
  if (!reply->good()) return fail(reply->problem());
  const auto made = reply->object();
  if (options.json) {
    std::cout << boost::json::serialize(made) << '\n';
    return 0;
  }
  // Alone on standard output, so that it can go into a file; only its hash is kept.
  std::cout << text_in(made, "token") << '\n';
  std::cerr << "This is the token of " << fit_for_terminal(options.name) << " (" << options.role
            << "); it is not shown again.\n";
  return 0;
}

int remove(const Options& options, const AdminClient& client) {
  const auto reply = client.remove("/v1/tokens/" + percent_encoded(options.name));
  if (!reply) return fail(reply.error().text);
  if (!reply->good()) return fail(reply->problem());
  std::cout << "removed: the token of " << fit_for_terminal(options.name) << '\n';
  return 0;
}

}  // namespace

void add_admin_command(CLI::App& application, int& exit_status) {
  auto* admin = application.add_subcommand("admin", "Who may use the admin API and the console over TCP");
  admin->require_subcommand(1);
  const auto options = std::make_shared<Options>();
  const auto add = [&](const char* name, const char* help, int (*act)(const Options&, const AdminClient&)) {
    auto* command = admin->add_subcommand(name, help);
    add_admin_place(*command, options->place);
    command->callback([options, act, &exit_status] {
      exit_status = with_client(*options, [&](const AdminClient& client) { return act(*options, client); });
    });
    return command;
  };
  add("tokens", "The tokens there are: name, role, since when", &list)
      ->add_flag("--json", options->json, "As the API gives it");
  auto* making = add("create-token", "Make a token and print it, this once", &create);
  making->add_option("NAME", options->name, "Whose it is: decisions are recorded under this name")->required();
  making->add_option("--role", options->role, "viewer: may look; approver: may decide; admin: may do everything")
      ->check(CLI::IsMember({"viewer", "approver", "admin"}))
      ->capture_default_str();
  making->add_flag("--json", options->json, "As the API gives it");
  making->footer("Example: sallyport admin create-token alice --role approver > alice.token");
  add("remove-token", "Take a token back; what it decided stays", &remove)
      ->add_option("NAME", options->name, "Whose it is")
      ->required();
}

}  // namespace sallyport
