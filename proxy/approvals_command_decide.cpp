#include "policy/yaml.hpp"
#include "proxy/admin_client.hpp"
#include "proxy/approvals_command.hpp"
#include "proxy/approvals_command_words.hpp"
#include "telemetry/safe_text.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>
#include <optional>

namespace sallyport {
namespace {

namespace json = boost::json;

struct Options {
  AdminPlace place;
  std::vector<std::string> ids, group;
  std::string scope, match, ttl, upload, note;
  std::uint64_t uses = 0;
};

void complain(std::string_view text) {
  std::cerr << "sallyport approvals: " << text << '\n';
}

int failed(const Complaint& complaint) {
  complain(complaint.text);
  return 1;
}

json::object body_of(const Options& options, const char* decision) {
  json::object body{{"decision", decision}};
  const auto put = [&body](const char* key, const std::string& text) {
    if (!text.empty()) body[key] = text;
  };
  put("scope", options.scope);
  put("match", options.match);
  put("ttl", options.ttl);
  put("upload", options.upload);
  put("note", options.note);
  if (options.uses != 0) body["uses"] = options.uses;
  return body;
}

void tell(const json::object& decided) {
  const auto& approval = object_in(decided, "approval");
  const auto& decision = object_in(approval, "decision");
  const bool approved = text_in(decision, "decision") == "approve";
  const std::uint64_t released = count_in(decided, "released");
  std::string line = approved ? "approved: " : "denied: ";
  line += shown(text_in(approval, "agent")) + " to " + destination_words(approval) + " (" + extent_words(decision) +
          "); " + counted(released, "connection") + (approved ? " let through" : " refused");
  const std::string grant = text_in(object_in(decided, "grant"), "id");
  if (!grant.empty()) line += "; `sallyport approvals revoke " + grant + "` takes it back";
  std::cout << line << '\n';
}

std::string who_decided(const AdminClient& client, const std::string& id) {
  const auto reply = client.get("/v1/approvals/" + id);
  if (!reply || !reply->good()) return "it was decided already";
  const auto approval = reply->object();
  const std::string state = text_in(approval, "state");
  const auto& decision = object_in(approval, "decision");
  if (decision.empty()) return "it is " + state + " already: the next try asks again";
  std::string words = "it was " + state + " already, by " + actor_words(object_in(decision, "by")) + ", " +
                      age_words(text_in(decision, "at")) + " ago";
  const std::string grant = text_in(decision, "grant");
  if (!grant.empty()) words += "; `sallyport approvals revoke " + grant + "` takes it back";
  return words;
}

bool decide_one(const AdminClient& client, const json::object& approval, const json::object& body) {
  const std::string id = text_in(approval, "id");
  const auto reply = client.post("/v1/approvals/" + id, body);
  if (!reply) {
    complain(reply.error().text);
  } else if (reply->status == 409) {
    complain(id + ": " + who_decided(client, id));
  } else if (!reply->good()) {
    complain(id + ": " + reply->problem());
  } else {
    tell(reply->object());
    return true;
  }
  return false;
}

int decide_group(const AdminClient& client, const Options& options, json::object body) {
  body["agent"] = options.group[0] == "any" ? "" : options.group[0];
  body["domain"] = options.group[1];
  const auto reply = client.post("/v1/approvals/groups", body);
  if (!reply) return failed(reply.error());
  const Complaint none{"nothing of ", options.group[0] == "any" ? "any agent" : in_quotes(options.group[0], 64),
                       " waits under ", in_quotes(options.group[1], 256), ": see `sallyport approvals list`"};
  if (reply->status == 404) return failed(none);
  if (!reply->good()) return failed({reply->problem()});
  const auto answer = reply->object();
  const auto* decided = answer.if_contains("decided");
  if (!decided || !decided->is_array() || decided->get_array().empty()) return failed(none);
  for (const auto& each : decided->get_array()) tell(each.as_object());
  return 0;
}

int decide(const Options& options, const char* decision) {
  if (options.ids.empty() == options.group.empty()) {
    complain("say which: ID… as `sallyport approvals list` shows them, or --group AGENT DOMAIN");
    return 2;
  }
  const auto socket = find_admin_socket(options.place);
  if (!socket) return failed(socket.error());
  const AdminClient client(*socket, "cli");
  const auto body = body_of(options, decision);
  if (!options.group.empty()) return decide_group(client, options, body);
  const auto pending = client.list("/v1/approvals?state=pending", "approvals");
  if (!pending) return failed(pending.error());
  std::optional<json::array> all;
  bool good = true;
  for (const std::string& id : options.ids) {
    auto found = find_by_id(*pending, id, "approval");
    if (!found && !all) {
      // Decided ones are many, as a rule; they are looked at only to say what became of it.
      auto rest = client.list("/v1/approvals?state=all", "approvals");
      if (!rest) return failed(rest.error());
      all = std::move(*rest);
    }
    if (!found) found = find_by_id(*all, id, "approval");
    if (!found) complain(found.error().text);
    const bool done = found && decide_one(client, *found, body);
    good = good && done;
  }
  return good ? 0 : 1;
}

bool revoke_one(const AdminClient& client, const std::string& id) {
  const auto reply = client.remove("/v1/grants/" + id);
  if (!reply) {
    complain(reply.error().text);
  } else if (!reply->good()) {
    complain(id + ": " + reply->problem());
  } else {
    const auto grant = reply->object();
    std::cout << "revoked: " << shown(text_in(grant, "agent")) << " to " << destination_words(grant)
              << "; what was open on it is closed, and the next try asks again\n";
    return true;
  }
  return false;
}

int revoke(const Options& options) {
  const auto socket = find_admin_socket(options.place);
  if (!socket) return failed(socket.error());
  const AdminClient client(*socket, "cli");
  const auto known = client.list("/v1/grants?ended=true", "grants");
  if (!known) return failed(known.error());
  bool good = true;
  for (const std::string& id : options.ids) {
    const auto found = find_by_id(*known, id, "grant");
    if (!found) complain(found.error().text);
    const bool done = found && revoke_one(client, text_in(*found, "id"));
    good = good && done;
  }
  return good ? 0 : 1;
}

std::string checked_ttl(const std::string& text) {
  return parse_duration(text) ? std::string() : "write it as 30m, 8h or 7d";
}

std::string checked_upload(const std::string& text) {
  return parse_bytes(text) ? std::string() : "write it as 64KiB or 10MiB";
}

void add_decision(CLI::App& approvals, const char* name, const char* what, const char* decision, int& exit_status) {
  auto options = std::make_shared<Options>();
  CLI::App* command = approvals.add_subcommand(name, what);
  add_admin_place(*command, options->place);
  command->add_option("ID", options->ids, "as `list` shows them; the beginning of one is enough");
  command->add_option("--group", options->group, "all of an agent (\"any\": of all agents) under a registrable domain")
      ->expected(2)
      ->type_name("AGENT DOMAIN");
  command->add_option("--scope", options->scope, "once, agent (the default) or everyone")
      ->check(CLI::IsMember({"once", "agent", "everyone"}));
  command->add_option("--match", options->match, "host (the default) or subdomains: it and all below it")
      ->check(CLI::IsMember({"host", "subdomains"}));
  command->add_option("--ttl", options->ttl, "how long it holds, such as 30m; else approvals.grant of sallyport.yaml")
      ->check(checked_ttl);
  command->add_option("--uses", options->uses, "for so many connections or requests")->check(checked_count);
  command->add_option("--upload", options->upload, "bytes that may be sent, such as 10MiB")->check(checked_upload);
  command->add_option("--note", options->note, "why; it is recorded, and a refused client is told");
  command->callback([options, decision, &exit_status] { exit_status = decide(*options, decision); });
}

}  // namespace

void add_approvals_decisions(CLI::App& approvals, int& exit_status) {
  add_decision(approvals, "approve", "Let what waits through, and remember it", "approve", exit_status);
  add_decision(approvals, "deny", "Refuse what waits, and remember it", "deny", exit_status);
  auto options = std::make_shared<Options>();
  CLI::App* command = approvals.add_subcommand("revoke", "Take grants back; what is open on them is closed");
  add_admin_place(*command, options->place);
  command->add_option("ID", options->ids, "as `grants` shows them; the beginning of one is enough")->required();
  command->callback([options, &exit_status] { exit_status = revoke(*options); });
}

}  // namespace sallyport
