#include "proxy/policy_command.hpp"

#include "policy/any_request.hpp"
#include "policy/identify_by_name.hpp"
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
  std::string file, url, agent = "default", method, exe;
  bool strict = false, json = false;
};

std::shared_ptr<const Policy> load(const std::string& file, const FileIdentifier& identify = identify_file) {
  auto policy = Policy::load(file, identify);
  if (policy) return *policy;
  for (const auto& complaint : policy.error()) std::cerr << complaint.text << '\n';
  return nullptr;
}

int check(const Options& options) {
  const auto policy = load(options.file);
  if (!policy) return 1;
  for (const auto& warning : policy->warnings()) std::cerr << warning.text << '\n';
  for (const auto& note : policy->notes()) std::cerr << "note: " << note.text << '\n';
  if (options.strict && !policy->warnings().empty()) return 1;
  std::cout << options.file << ": good\n";
  return 0;
}

// What happens inside TLS: names, never values.
void add_inside(boost::json::object& told, const std::optional<std::string>& inspected_by,
                const std::vector<std::string>& injects) {
  if (inspected_by) told["inspected_by"] = *inspected_by;
  if (!injects.empty()) told["injects"] = boost::json::value_from(injects);
}

void print_json(const std::vector<Policy::TestResult>& results) {
  boost::json::array tests;
  for (const auto& result : results) {
    boost::json::object told{
        {"where", result.where}, {"what", result.what}, {"passed", result.passed}, {"got", result.got}};
    add_inside(told, result.inspected_by, result.injects);
    tests.push_back(std::move(told));
  }
  std::cout << boost::json::object{{"tests", std::move(tests)}} << '\n';
}

int test(const Options& options) {
  // Tests run where the programs of `exe` need not be.
  const auto policy = load(options.file, identify_by_name);
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
    if (result.inspected_by) std::cout << "  its TLS is inspected, by " << *result.inspected_by << '\n';
    for (const auto& injected : result.injects) std::cout << "  injects " << injected << '\n';
  }
  std::cout << results.size() - failed << " passed, " << failed << " failed\n";
  return failed == 0 ? 0 : 1;
}

const char* word(Action action) {
  return action == Action::allow ? "allow" : action == Action::ask ? "ask" : "deny";
}

// Plain HTTP shows its request, and TLS where a rule makes Sallyport look inside. All else is asked about as the tunnel
// it is, or the answer would be another than the daemon's.
Query query_for(const Options& options, const Policy& policy, const Target& target) {
  Query query{.agent = options.agent,
              .to = target.to,
              .spoken = target.spoken,
              .request = std::nullopt,
              .ech = false,
              .now = WallClock::now()};
  if (!options.exe.empty()) {
    query.program = Program{identify_file(options.exe).value_or(FileIdentity{}), options.exe};
    query.program_known = ProgramKnown::known;
  }
  if (target.spoken == Spoken::http || (target.spoken == Spoken::tls && policy.needs_request(query))) {
    query.request =
        SeenRequest{options.method.empty() ? std::string_view("GET") : std::string_view(options.method), target.path};
  }
  return query;
}

// What was asked about and is not looked at.
std::string note_for(const Options& options, const Query& query) {
  if (query.request || options.method.empty()) return {};
  return "--method is ignored: the request inside " + options.url.substr(0, options.url.find(':')) +
         " is not seen, since no rule for it needs it";
}

constexpr const char* inspection_advice =
    "whoever connects must trust Sallyport's CA (`sallyport ca export`); a client that pins its own fails the "
    "handshake: "
    "leave methods, paths and inject out of the rules for such a host";

constexpr const char* dialled_first =
    "  any request is allowed, so the destination is dialled first and the client is offered the HTTP version that it "
    "speaks";
constexpr const char* decided_first =
    "  each request is decided before anything is dialled, so the client is offered HTTP/2 and HTTP/1.1";

void print_json(const Options& options, const Query& query, const Policy::Explanation& explanation, bool any_request) {
  boost::json::array matches;
  for (const auto& match : explanation.matches) {
    matches.push_back(boost::json::object{
        {"rule", match.rule}, {"action", word(match.action)}, {"won", match.won}, {"why", match.why}});
  }
  boost::json::object told{{"agent", options.agent},
                           {"to", query.to.text()},
                           {"verdict", word(explanation.verdict.action)},
                           {"rule", explanation.verdict.rule},
                           {"reason", explanation.verdict.reason},
                           {"matches", std::move(matches)}};
  if (query.spoken == Spoken::tls) told["inspected"] = explanation.inspected_by.has_value();
  if (explanation.inspected_by) told["any_request_allowed"] = any_request;
  add_inside(told, explanation.inspected_by, explanation.injects);
  const std::string note = note_for(options, query);
  if (!note.empty()) told["note"] = note;
  std::cout << told << '\n';
}

void print(const Options& options, const Query& query, const Policy::Explanation& explanation, bool any_request) {
  const Verdict& verdict = explanation.verdict;
  std::cout << word(verdict.action) << "  " << options.agent << " -> " << query.to.text();
  if (!verdict.rule.empty()) std::cout << "  by " << verdict.rule;
  std::cout << "\n  " << verdict.reason << '\n';
  for (const auto& match : explanation.matches)
    std::cout << (match.won ? "  * " : "    ") << match.rule << ' ' << word(match.action) << ": " << match.why << '\n';
  if (explanation.inspected_by) {
    std::cout << "  inspected: " << *explanation.inspected_by << " needs the request inside TLS; " << inspection_advice
              << '\n'
              << (any_request ? dialled_first : decided_first) << '\n';
  } else if (query.spoken == Spoken::tls) {
    std::cout << "  not inspected: no rule for it needs the request, so TLS is an untouched tunnel\n";
  }
  for (const auto& injected : explanation.injects) std::cout << "  injects " << injected << '\n';
  const std::string note = note_for(options, query);
  if (!note.empty()) std::cout << "  note: " << note << '\n';
}

int explain(const Options& options) {
  const auto policy = load(options.file);
  if (!policy) return 1;
  const auto target = parse_target(options.url);
  if (!target) {
    std::cerr << options.url << ": " << target.error().text << '\n';
    return 2;
  }
  const Query query = query_for(options, *policy, *target);
  const auto explanation = policy->explain(query);
  const bool any_request = allows_any_request(*policy, query);
  options.json ? print_json(options, query, explanation, any_request) : print(options, query, explanation, any_request);
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
  checking->footer(
      "`exe` narrows a rule to programs and is no boundary: whoever can run a program can make it work for them.\n"
      "`inject` keeps a secret from the agent, not from the destination: give none to a host that echoes what it is "
      "sent.\n"
      "Example: sallyport policy check --strict policy.yaml");
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
  explaining->add_option("--method", options->method, "the request's method (default: GET)");
  explaining->add_option("--exe", options->exe,
                         "the program that asks, by its path; without it, which one asks is not known");
  explaining->add_flag("--json", options->json, "one JSON object");
  explaining->footer("Example: sallyport policy explain policy.yaml https://api.example/user --method POST");
  explaining->callback([options, &exit_status] { exit_status = explain(*options); });
  add_diff_command(*command, exit_status);
  add_replay_command(*command, exit_status);
  add_learn_command(*command, exit_status);
}

}  // namespace sallyport
