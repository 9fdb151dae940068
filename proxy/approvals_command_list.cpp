#include "proxy/admin_client.hpp"
#include "proxy/approvals_command.hpp"
#include "proxy/approvals_command_table.hpp"
#include "proxy/approvals_command_words.hpp"
#include "telemetry/safe_text.hpp"

#include <CLI/CLI.hpp>
#include <boost/json/serialize.hpp>

#include <iostream>
#include <memory>

namespace sallyport {
namespace {

namespace json = boost::json;

struct Options {
  AdminPlace place;
  std::string agent, host, state = "pending";
  bool ended = false;
  bool as_policy = false;
  bool json = false;
};

int failed(const Complaint& complaint) {
  std::cerr << "sallyport approvals: " << complaint.text << '\n';
  return 1;
}

std::string narrowed(std::string target, const Options& options) {
  if (!options.agent.empty()) target += "&agent=" + percent_encoded(options.agent);
  if (!options.host.empty()) target += "&host=" + percent_encoded(options.host);
  return target;
}

int print_json(const char* name, json::array list) {
  const json::object all{{name, std::move(list)}};
  std::cout << fit_for_terminal(json::serialize(all)) << std::endl;
  return std::cout ? 0 : 1;
}

std::string state_words(const json::object& approval) {
  const std::string state = text_in(approval, "state");
  if (state == "pending") return counted(count_in(approval, "waiting"), "connection");
  const auto& decision = object_in(approval, "decision");
  return decision.empty() ? state : state + " by " + actor_words(object_in(decision, "by"));
}

TableRow approval_row(const json::object& approval, std::size_t id_places) {
  TableRow row;
  row.cells = {text_in(approval, "id").substr(0, id_places),
               shown(text_in(approval, "agent")),
               destination_words(approval),
               state_words(approval),
               age_words(text_in(approval, "first_seen")),
               rule_words(approval)};
  const std::string reason = text_in(approval, "reason");
  if (!reason.empty() && !text_in(approval, "rule").empty()) row.below.push_back("    because " + in_quotes(reason));
  const std::string said = agent_words(approval);
  if (!said.empty()) row.below.push_back("    the agent says: " + said);
  return row;
}

int list(const Options& options) {
  const auto socket = find_admin_socket(options.place);
  if (!socket) return failed(socket.error());
  const AdminClient client(*socket, "cli");
  auto found = client.list(narrowed("/v1/approvals?state=" + options.state, options), "approvals");
  if (!found) return failed(found.error());
  if (options.json) return print_json("approvals", std::move(*found));
  if (found->empty()) {
    std::cerr << (options.state == "pending" ? "nobody waits for an answer\n" : "none\n");
    return 0;
  }
  const std::vector<Column> columns{{"ID", 0},           {"AGENT", 10},
                                    {"DESTINATION", 24}, {options.state == "pending" ? "WAITING" : "STATE", 7},
                                    {"FOR", 0},          {"ASKED BY", 8}};
  std::vector<TableRow> rows;
  const std::size_t places = id_length(*found);
  for (const auto& each : *found) rows.push_back(approval_row(each.as_object(), places));
  std::cout << table_text(columns, rows, output_width()) << std::flush;
  return std::cout ? 0 : 1;
}

TableRow grant_row(const json::object& grant, std::size_t id_places) {
  TableRow row;
  const std::string ended = text_in(object_in(grant, "ended"), "how");
  const std::string everyone = text_in(grant, "scope") == "everyone" ? "everyone" : "";
  row.cells = {text_in(grant, "id").substr(0, id_places),
               everyone.empty() ? shown(text_in(grant, "agent")) : everyone,
               destination_words(grant),
               text_in(grant, "decision") == "deny" ? "deny" : "allow",
               extent_words(grant),
               std::to_string(count_in(grant, "used")),
               ended.empty() ? left_words(text_in(grant, "expires")) : ended,
               actor_words(object_in(grant, "by"))};
  const std::string note = text_in(grant, "note");
  if (!note.empty()) row.below.push_back("    note: " + in_quotes(note));
  return row;
}

int print_policy(const AdminClient& client, const Options& options) {
  const auto reply = client.get(narrowed("/v1/grants?format=policy", options));
  if (!reply) return failed(reply.error());
  if (!reply->good()) return failed({reply->problem()});
  std::cout << reply->body << std::flush;
  return std::cout ? 0 : 1;
}

int grants(const Options& options) {
  const auto socket = find_admin_socket(options.place);
  if (!socket) return failed(socket.error());
  const AdminClient client(*socket, "cli");
  if (options.as_policy) return print_policy(client, options);
  const std::string target = options.ended ? "/v1/grants?ended=true" : "/v1/grants?ended=false";
  auto found = client.list(narrowed(target, options), "grants");
  if (!found) return failed(found.error());
  if (options.json) return print_json("grants", std::move(*found));
  if (found->empty()) {
    std::cerr << "no grant is in force\n";
    return 0;
  }
  const std::vector<Column> columns{{"ID", 0},      {"AGENT", 8}, {"DESTINATION", 20}, {"ANSWER", 0},
                                    {"EXTENT", 12}, {"USED", 0},  {"LEFT", 0},         {"BY", 8}};
  std::vector<TableRow> rows;
  const std::size_t places = id_length(*found);
  for (const auto& each : *found) rows.push_back(grant_row(each.as_object(), places));
  std::cout << table_text(columns, rows, output_width()) << std::flush;
  return std::cout ? 0 : 1;
}

void add_common(CLI::App& command, Options& options) {
  add_admin_place(command, options.place);
  command.add_option("--agent", options.agent, "only this agent's");
  command.add_option("--host", options.host, "only this host's");
  command.add_flag("--json", options.json, "as the API gives it");
}

}  // namespace

void add_approvals_listings(CLI::App& approvals, int& exit_status) {
  auto listing = std::make_shared<Options>();
  CLI::App* command = approvals.add_subcommand("list", "The questions that wait for an answer, oldest first");
  add_common(*command, *listing);
  command->add_option("--state", listing->state, "pending, approved, denied, expired or all")
      ->check(CLI::IsMember({"pending", "approved", "denied", "expired", "all"}))
      ->capture_default_str();
  command->footer("What an agent said itself is in quotes, with control characters escaped.");
  command->callback([listing, &exit_status] { exit_status = list(*listing); });

  auto granted = std::make_shared<Options>();
  command = approvals.add_subcommand("grants", "The answers in force, newest first");
  add_common(*command, *granted);
  command->add_flag("--ended", granted->ended, "also those that have ended");
  command->add_flag("--as-policy", granted->as_policy, "the rules that would replace them, for policy.yaml");
  command->callback([granted, &exit_status] { exit_status = grants(*granted); });
}

}  // namespace sallyport
