#include "proxy/policy_command.hpp"

#include "policy/policy.hpp"
#include "proxy/policy_log_command.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace sallyport {
namespace {

struct Options {
  std::string file, url, agent = "default", method;
  bool strict = false, json = false;
};

std::shared_ptr<const Policy> load(const std::string& file) {
  auto policy = Policy::load(file);
  if (policy) return *policy;
  for (const auto& complaint : policy.error()) std::cerr << complaint.text << '\n';
  return nullptr;
}

int check(const Options& options) {
  const auto policy = load(options.file);
  if (!policy) return 1;
  for (const auto& warning : policy->warnings()) std::cerr << warning.text << '\n';
  if (options.strict && !policy->warnings().empty()) return 1;
  std::cout << options.file << ": good\n";
  return 0;
}

void print_json(const std::vector<Policy::TestResult>& results) {
  boost::json::array tests;
  for (const auto& result : results) {
    tests.push_back(boost::json::object{
        {"where", result.where}, {"what", result.what}, {"passed", result.passed}, {"got", result.got}});
  }
  std::cout << boost::json::object{{"tests", std::move(tests)}} << '\n';
}

int test(const Options& options) {
  const auto policy = load(options.file);
  if (!policy) return 1;
  const auto results = policy->run_tests(WallClock::now());
  if (options.json) {
    print_json(results);
    return std::all_of(results.begin(), results.end(), [](const auto& result) { return result.passed; }) ? 0 : 1;
  }
  std::size_t failed = 0;
  for (const auto& result : results) {
    if (result.passed) continue;
    ++failed;
    std::cout << result.where << ": " << result.what << ": failed: " << result.got << '\n';
  }
  std::cout << results.size() - failed << " passed, " << failed << " failed\n";
  return failed == 0 ? 0 : 1;
}

const char* word(Action action) {
  return action == Action::allow ? "allow" : action == Action::ask ? "ask" : "deny";
}

// Only plain HTTP shows its request. All else is asked about as the tunnel it is, or the answer would be another than
// the daemon's.
Query query_for(const Options& options, const Target& target) {
  Query query{.agent = options.agent,
              .to = target.to,
              .spoken = target.spoken,
              .request = std::nullopt,
              .ech = false,
              .now = WallClock::now()};
  if (target.spoken == Spoken::http) {
    query.request =
        SeenRequest{options.method.empty() ? std::string_view("GET") : std::string_view(options.method), target.path};
  }
  return query;
}

// What was asked about and is not looked at.
std::string note_for(const Options& options, const Target& target) {
  if (target.spoken == Spoken::http || options.method.empty()) return {};
  return "--method is ignored: the request inside " + options.url.substr(0, options.url.find(':')) +
         " is not seen, so methods and paths don't count";
}

void print_json(const Options& options, const Target& target, const Policy::Explanation& explanation) {
  boost::json::array matches;
  for (const auto& match : explanation.matches) {
    matches.push_back(boost::json::object{
        {"rule", match.rule}, {"action", word(match.action)}, {"won", match.won}, {"why", match.why}});
  }
  boost::json::object told{{"agent", options.agent},
                           {"to", target.to.text()},
                           {"verdict", word(explanation.verdict.action)},
                           {"rule", explanation.verdict.rule},
                           {"reason", explanation.verdict.reason},
                           {"matches", std::move(matches)}};
  const std::string note = note_for(options, target);
  if (!note.empty()) told["note"] = note;
  std::cout << told << '\n';
}

int explain(const Options& options) {
  const auto policy = load(options.file);
  if (!policy) return 1;
  const auto target = parse_target(options.url);
  if (!target) {
    std::cerr << options.url << ": " << target.error().text << '\n';
    return 2;
  }
  const auto explanation = policy->explain(query_for(options, *target));
  if (options.json) {
    print_json(options, *target, explanation);
    return 0;
  }
  const Verdict& verdict = explanation.verdict;
  std::cout << word(verdict.action) << "  " << options.agent << " -> " << target->to.text();
  if (!verdict.rule.empty()) std::cout << "  by " << verdict.rule;
  std::cout << "\n  " << verdict.reason << '\n';
  for (const auto& match : explanation.matches)
    std::cout << (match.won ? "  * " : "    ") << match.rule << ' ' << word(match.action) << ": " << match.why << '\n';
  const std::string note = note_for(options, *target);
  if (!note.empty()) std::cout << "  note: " << note << '\n';
  return 0;
}

}  // namespace

void add_policy_command(CLI::App& application, int& exit_status) {
  auto* command = application.add_subcommand("policy", "Check, test, explain, compare and learn policies");
  command->require_subcommand(1);
  auto options = std::make_shared<Options>();
  auto* checking = command->add_subcommand("check", "Is the file good?");
  checking->add_option("FILE", options->file, "policy.yaml")->required();
  checking->add_flag("--strict", options->strict, "warnings are errors");
  checking->footer("Example: sallyport policy check --strict policy.yaml");
  checking->callback([options, &exit_status] { exit_status = check(*options); });
  auto* testing = command->add_subcommand("test", "Run the file's own tests");
  testing->add_option("FILE", options->file, "policy.yaml")->required();
  testing->add_flag("--json", options->json, "one JSON object");
  testing->footer("Example: sallyport policy test policy.yaml");
  testing->callback([options, &exit_status] { exit_status = test(*options); });
  auto* explaining = command->add_subcommand("explain", "What would happen to URL, and by which rule?");
  explaining->add_option("FILE", options->file, "policy.yaml")->required();
  explaining->add_option("URL", options->url, "https://HOST/PATH, http://HOST/PATH, ssh://HOST or tcp://HOST:PORT")
      ->required();
  explaining->add_option("--agent", options->agent, "who asks (default: the agent `default`)");
  explaining->add_option("--method", options->method, "the request's method (default: GET); only http:// shows it");
  explaining->add_flag("--json", options->json, "one JSON object");
  explaining->footer("Example: sallyport policy explain policy.yaml http://plain.example/user --method POST");
  explaining->callback([options, &exit_status] { exit_status = explain(*options); });
  add_diff_command(*command, exit_status);
  add_replay_command(*command, exit_status);
  add_learn_command(*command, exit_status);
}

}  // namespace sallyport
