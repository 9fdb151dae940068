#include "proxy/status_command.hpp"

#include "proxy/admin_client.hpp"
#include "proxy/approvals_command_words.hpp"
#include "telemetry/safe_text.hpp"

#include <CLI/CLI.hpp>

#include <iomanip>
#include <iostream>
#include <memory>

namespace sallyport {
namespace {

struct Options {
  AdminPlace place;
  bool json = false;
};

bool is_true(const boost::json::object& object, const char* key) {
  const auto* value = object.if_contains(key);
  return value && value->is_bool() && value->get_bool();
}

std::string guarding_words(const boost::json::object& status) {
  if (!is_true(status, "guarding")) return "NO: interception is not in force, see the daemon's own log";
  if (!is_true(object_in(status, "audit"), "healthy")) return "yes, but the audit log cannot be written";
  return is_true(status, "draining") ? "yes; stopping, no new connections" : "yes";
}

std::string listening_words(const boost::json::object& status) {
  const auto* list = status.if_contains("listening");
  std::string words;
  if (!list || !list->is_array()) return words;
  for (const auto& each : list->get_array()) {
    if (!each.is_object()) continue;
    const auto& object = each.get_object();
    words += (words.empty() ? "" : ", ") + fit_for_terminal(text_in(object, "door") + ' ' + text_in(object, "address"));
  }
  return words;
}

std::string audit_words(const boost::json::object& audit) {
  std::string words = shown(text_in(audit, "path")) + ", " + counted(count_in(audit, "records"), "record");
  if (!is_true(audit, "healthy")) words += "; it cannot be written";
  const auto dropped = count_in(audit, "dropped");
  if (dropped != 0) words += "; " + counted(dropped, "record") + (dropped == 1 ? " was lost" : " were lost");
  return words;
}

void line(const char* what, const std::string& words) {
  std::cout << std::left << std::setw(10) << what << ' ' << words << '\n';
}

void print(const boost::json::object& status, const std::string& socket) {
  const auto& counts = object_in(status, "counts");
  line("sallyport", shown(text_in(status, "version")) + ", up for " + age_words(text_in(status, "started")) + ", at " +
                        shown(socket));
  line("guarding", guarding_words(status));
  line("listening", listening_words(status));
  line("approvals", std::to_string(count_in(counts, "pending")) + " pending, " +
                        counted(count_in(counts, "held"), "connection") + " held, " +
                        counted(count_in(counts, "grants"), "grant") + " in force" +
                        (is_true(status, "attended") ? "" : "; nobody is watching"));
  line("open", counted(count_in(counts, "connections"), "connection"));
  const auto& policy = object_in(status, "policy");
  line("policy", shown(text_in(policy, "path")) + ", " + shown(text_in(policy, "uid")));
  line("log", audit_words(object_in(status, "audit")));
}

// The agents whose namespaces are attached; empty where there are none.
std::string attached_words(const AdminClient& client) {
  const auto agents = client.list("/v1/agents", "agents");
  std::string words;
  if (!agents) return words;
  for (const auto& each : *agents) {
    if (!each.is_object() || text_in(each.get_object(), "known_by") != "attached") continue;
    const auto& agent = each.get_object();
    words += (words.empty() ? "" : ", ") + fit_for_terminal(text_in(agent, "name")) + " (" +
             fit_for_terminal(text_in(agent, "detail")) + ')';
  }
  return words;
}

int show(const Options& options) {
  const auto socket = find_admin_socket(options.place);
  if (!socket) {
    std::cerr << "sallyport status: " << socket.error().text << '\n';
    return 1;
  }
  const AdminClient client(*socket, "cli");
  const auto reply = client.get("/v1/status");
  if (!reply || !reply->good()) {
    std::cerr << "sallyport status: " << (reply ? reply->problem() : reply.error().text) << '\n';
    return 1;
  }
  const auto status = reply->object();
  if (options.json) {
    std::cout << fit_for_terminal(reply->body);
  } else {
    print(status, *socket);
    if (const std::string words = attached_words(client); !words.empty()) line("attached", words);
  }
  std::cout << std::flush;
  const bool good = is_true(status, "guarding") && is_true(object_in(status, "audit"), "healthy");
  return good && std::cout ? 0 : 1;
}

}  // namespace

void add_status_command(CLI::App& application, int& exit_status) {
  auto options = std::make_shared<Options>();
  CLI::App* command = application.add_subcommand("status", "Whether the daemon runs and guards, and how much waits");
  add_admin_place(*command, options->place);
  command->add_flag("--json", options->json, "as the API gives it");
  command->footer("Exit status 1: it does not run, does not guard, or cannot write its log.");
  command->callback([options, &exit_status] { exit_status = show(*options); });
}

}  // namespace sallyport
