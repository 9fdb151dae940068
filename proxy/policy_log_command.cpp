#include "proxy/policy_log_command.hpp"

#include "policy/identify_by_name.hpp"
#include "policy/replay.hpp"
#include "proxy/approvals_command_words.hpp"
#include "proxy/audit_source.hpp"
#include "proxy/learn_log.hpp"
#include "proxy/output_file.hpp"
#include "telemetry/log_reader.hpp"
#include "telemetry/recorded_attempts.hpp"
#include "telemetry/safe_text.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <iostream>
#include <memory>

namespace sallyport {
namespace {

struct Options {
  std::string policy, output;
  AuditSource source;
  FilterWords words;
  bool json = false;
};

int usage(const Complaint& complaint) {
  std::cerr << "sallyport policy: " << complaint.text << '\n';
  return 2;
}

// Every record in that time. What was none is said on the error output.
template <class Take>
Outcome<void> read_log(const Options& options, Take take) {
  const auto log = find_log(options.source);
  if (!log) return log.error();
  const auto filter = filter_of(options.words);
  if (!filter) return filter.error();
  LogReader reader(log->files);
  while (reader.next()) {
    if (filter->matches(*reader.record())) take(*reader.record());
  }
  if (!reader.odd().unreadable.empty()) return Complaint{reader.odd().text()};
  if (!reader.odd().none()) std::cerr << "note: " << reader.odd().text() << '\n';
  return {};
}

std::string times(std::uint64_t count) {
  return count == 1 ? "once" : std::to_string(count) + " times";
}

void print(const Replay& replay) {
  const auto& counts = replay.counts();
  std::cout << counted(counts.attempts, "attempt") << ": " << counts.same << " would be answered as they were, "
            << counts.different << " otherwise; " << counts.now_refused << " that were reached would be refused\n";
  for (const bool worst : {true, false}) {
    for (const auto& [key, difference] : replay.differences()) {
      const auto& [agent, target, before, after] = key;
      if (worst != (difference.was_reached && after == Action::deny)) continue;
      std::cout << (worst ? "! " : "  ") << shown(agent, 64) << "  " << shown(target, 512) << "  " << word_of(before)
                << " -> " << word_of(after) << ", " << times(difference.count) << ", last "
                << time_text(difference.last);
      if (!difference.verdict.rule.empty()) std::cout << ", by " << shown(difference.verdict.rule);
      std::cout << ": " << in_quotes(difference.verdict.reason) << '\n';
    }
  }
  if (counts.untold != 0) std::cout << "and " << counts.untold << " more attempts at further destinations\n";
  if (counts.left_out != 0) {
    std::cout << counted(counts.left_out, "attempt") << " refused by the guard or a limit: no policy decides those\n";
  }
}

void print_json(const Replay& replay) {
  namespace json = boost::json;
  const auto& counts = replay.counts();
  json::array differences;
  for (const auto& [key, difference] : replay.differences()) {
    const auto& [agent, target, before, after] = key;
    differences.push_back(json::object{{"agent", agent},
                                       {"target", target},
                                       {"before", word_of(before)},
                                       {"after", word_of(after)},
                                       {"count", difference.count},
                                       {"was_reached", difference.was_reached},
                                       {"last", time_text(difference.last)},
                                       {"rule", difference.verdict.rule},
                                       {"reason", difference.verdict.reason}});
  }
  const json::object all{{"attempts", counts.attempts},          {"same", counts.same},
                         {"different", counts.different},        {"now_refused", counts.now_refused},
                         {"left_out", counts.left_out},          {"untold", counts.untold},
                         {"differences", std::move(differences)}};
  std::cout << fit_for_terminal(json::serialize(all)) << '\n';
}

int replay(const Options& options) {
  auto policy = Policy::load(options.policy, identify_by_name);
  if (!policy) {
    for (const auto& complaint : policy.error()) std::cerr << complaint.text << '\n';
    return 2;
  }
  Replay replay(*policy, WallClock::now());
  const auto read = read_log(options, [&](const LogRecord& record) {
    if (const auto attempt = attempt_of(record)) replay.add(*attempt);
  });
  if (!read) return usage(read.error());
  options.json ? print_json(replay) : print(replay);
  return replay.counts().now_refused == 0 ? 0 : 1;
}

int learn(const Options& options) {
  Learner learner;
  const auto read = read_log(options, [&](const LogRecord& record) { learn_from(learner, record); });
  if (!read) return usage(read.error());
  const std::string text = learner.policy();
  if (options.output.empty()) {
    std::cout << text;
  } else {
    const auto out = open_output(options.output);
    if (!out) return usage(out.error());
    if (!(**out << text).flush()) return usage({in_quotes(options.output), " could not be written to its end"});
  }
  std::cerr << counted(learner.learned(), "destination") << " learned, " << learner.left_out() << " left out\n";
  return 0;
}

}  // namespace

void add_replay_command(CLI::App& policy, int& exit_status) {
  auto options = std::make_shared<Options>();
  auto* command = policy.add_subcommand("replay", "What would this policy say, now, to what the log tells of?");
  command->add_option("POLICY", options->policy, "policy.yaml")->required();
  add_source(*command, options->source);
  add_times(*command, options->words);
  command->add_flag("--json", options->json, "one JSON object");
  command->footer(
      "Example: sallyport policy replay policy.new.yaml /var/log/sallyport --since 7d\n"
      "Lists what would be answered otherwise. Grants are not asked: what a person granted counts as asked.\n"
      "Exit status: 1 where something that was reached would now be refused (marked !), with --json too; 0 else.");
  command->callback([options, &exit_status] { exit_status = replay(*options); });
}

void add_learn_command(CLI::App& policy, int& exit_status) {
  auto options = std::make_shared<Options>();
  auto* command =
      policy.add_subcommand("learn", "Write the smallest policy that allows what the log's agents asked for");
  add_source(*command, options->source);
  add_times(*command, options->words);
  command->add_option("--agent", options->words.agent, "only what this agent asked for");
  command->add_option("-o,--output", options->output,
                      "the file to write; it must not be there yet (default: print it)");
  command->footer(
      "Example: sallyport policy learn /var/log/sallyport --since 7d -o policy.learned.yaml\n"
      "What a deny, the guard or a person refused is never learned. Read the result before you use it.");
  command->callback([options, &exit_status] { exit_status = learn(*options); });
}

}  // namespace sallyport
