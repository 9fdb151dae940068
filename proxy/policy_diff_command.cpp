#include "policy/diff.hpp"
#include "policy/identify_by_name.hpp"
#include "proxy/policy_log_command.hpp"
#include "telemetry/event.hpp"
#include "telemetry/safe_text.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <iostream>
#include <memory>
#include <string>

namespace sallyport {
namespace {

struct Options {
  std::string before, after;
  bool json = false;
};

std::shared_ptr<const Policy> load(const std::string& file) {
  auto policy = Policy::load(file, identify_by_name);
  if (policy) return *policy;
  for (const auto& complaint : policy.error()) std::cerr << complaint.text << '\n';
  return nullptr;
}

std::string line_of(const PolicyChange& change) {
  std::string line = change.widens ? "+ " : "- ";
  line += (change.agent.empty() ? "every agent" : change.agent) + "  " + change.target + "  ";
  line += change.ports == "every port" ? change.ports : "port " + change.ports;
  if (!change.how.empty()) line += "  " + in_quotes(change.how, 512);
  line += std::string("  ") + word_of(change.before);
  if (change.before != change.after) line += std::string(" -> ") + word_of(change.after);
  return change.note.empty() ? line : line + ", " + change.note;
}

void print(const PolicyDiff& diff) {
  bool widening = false, other = false;
  for (const PolicyChange& change : diff.changes) {
    if (change.widens && !widening) std::cout << "Widens what may be reached:\n";
    if (!change.widens && !other) std::cout << "Narrows it:\n";
    (change.widens ? widening : other) = true;
    std::cout << line_of(change) << '\n';
  }
  if (!diff.notes.empty()) std::cout << "Who is who:\n";
  for (const std::string& note : diff.notes) std::cout << "  " << note << '\n';
  if (diff.none()) std::cout << "both allow, ask and deny the same\n";
  for (const std::string& caveat : diff.caveats) std::cerr << "note: " << caveat << '\n';
}

void print_json(const PolicyDiff& diff) {
  namespace json = boost::json;
  json::array changes, notes, caveats;
  for (const PolicyChange& change : diff.changes) {
    json::object one{{"agent", change.agent.empty() ? json::value(nullptr) : json::value(change.agent)},
                     {"target", change.target},
                     {"ports", change.ports},
                     {"before", word_of(change.before)},
                     {"after", word_of(change.after)},
                     {"widens", change.widens}};
    if (!change.how.empty()) one["how"] = change.how;
    if (!change.note.empty()) one["note"] = change.note;
    changes.push_back(std::move(one));
  }
  for (const std::string& note : diff.notes) notes.emplace_back(note);
  for (const std::string& caveat : diff.caveats) caveats.emplace_back(caveat);
  const json::object all{{"changes", std::move(changes)}, {"notes", std::move(notes)}, {"caveats", std::move(caveats)}};
  std::cout << fit_for_terminal(json::serialize(all)) << '\n';
}

int run(const Options& options) {
  const auto before = load(options.before);
  const auto after = load(options.after);
  if (!before || !after) return 2;
  const PolicyDiff diff = diff_policies(*before, *after, WallClock::now());
  options.json ? print_json(diff) : print(diff);
  return diff.none() ? 0 : 1;
}

}  // namespace

void add_diff_command(CLI::App& policy, int& exit_status) {
  auto options = std::make_shared<Options>();
  auto* command = policy.add_subcommand("diff", "What does the second policy allow, ask or deny otherwise?");
  command->add_option("OLD", options->before, "the policy in force")->required();
  command->add_option("NEW", options->after, "the policy that may follow it")->required();
  command->add_flag("--json", options->json, "one JSON object");
  command->footer(
      "Example: sallyport policy diff policy.yaml policy.new.yaml\n"
      "Compares what the policies mean, not how they are written; what widens comes first, marked +.\n"
      "Exit status: 0 no difference, 1 some, 2 a policy that can't be read.");
  command->callback([options, &exit_status] { exit_status = run(*options); });
}

}  // namespace sallyport
