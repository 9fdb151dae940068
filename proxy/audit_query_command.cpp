#include "proxy/audit_query_command.hpp"

#include "proxy/approvals_command_words.hpp"
#include "proxy/audit_source.hpp"
#include "telemetry/log_reader.hpp"
#include "telemetry/record_text.hpp"
#include "telemetry/safe_text.hpp"

#include <CLI/CLI.hpp>

#include <deque>
#include <iostream>
#include <memory>
#include <set>

namespace sallyport {
namespace {

struct Options {
  AuditSource source;
  FilterWords words;
  std::string correlation;
  std::uint64_t limit = 0;
  bool json = false;
};

int usage(const Complaint& complaint) {
  std::cerr << "sallyport audit: " << complaint.text << '\n';
  return 2;
}

// What was passed over is said beside the answer, never in it.
int done(const OddLines& odd) {
  if (!odd.none()) std::cerr << "note: " << odd.text() << '\n';
  return odd.unreadable.empty() ? 0 : 1;
}

std::string line_of(const LogReader& reader, bool json) {
  return json ? fit_for_terminal(reader.line()) : row_text(*reader.record());
}

int query(const Options& options) {
  const auto log = find_log(options.source);
  if (!log) return usage(log.error());
  const auto filter = filter_of(options.words);
  if (!filter) return usage(filter.error());
  LogReader reader(log->files);
  std::deque<std::string> newest;
  std::uint64_t found = 0;
  const auto heading = [&] {
    if (!options.json && found == 0) std::cout << row_heading() << '\n';
  };
  while (reader.next()) {
    if (!filter->matches(*reader.record())) continue;
    if (options.limit == 0) {
      heading();
      std::cout << line_of(reader, options.json) << '\n';
    } else {
      newest.push_back(line_of(reader, options.json));
      if (newest.size() > options.limit) newest.pop_front();
    }
    ++found;
  }
  const std::uint64_t all = found;
  found = 0;
  if (!newest.empty()) heading();
  for (const std::string& line : newest) std::cout << line << '\n';
  if (all == 0) std::cerr << "none of " << reader.records() << " records is like that\n";
  if (options.limit != 0 && all > options.limit) {
    std::cerr << "the newest " << options.limit << " of " << all << "; --limit " << all << " shows all\n";
  }
  return done(reader.odd());
}

// What concerns the one that is asked about: its own records, what people did about them, and, for an agent, what
// happened to Sallyport meanwhile.
class Concern {
 public:
  explicit Concern(const Options& options) : agent_(options.words.agent), correlation_(options.correlation) {}

  bool has(const LogRecord& record) {
    if (record.event == "checkpoint") return false;
    const bool own =
        (agent_.empty() || record.agent == agent_) && (correlation_.empty() || record.correlation == correlation_);
    if (own) {
      if (!record.approval.empty() && approvals_.size() < most_approvals) approvals_.insert(record.approval);
      return true;
    }
    if (record.kind == RecordKind::api) return approvals_.contains(record.approval);
    const bool ours = record.kind == RecordKind::lifecycle || record.kind == RecordKind::policy;
    return correlation_.empty() && ours && record.agent.empty();
  }

 private:
  static constexpr std::size_t most_approvals = 10'000;
  const std::string agent_, correlation_;
  std::set<std::string> approvals_;
};

int timeline(const Options& options) {
  if (options.words.agent.empty() == options.correlation.empty()) {
    return usage({"say whose: --agent NAME, or --correlation ID as `audit query --json` shows it"});
  }
  const auto log = find_log(options.source);
  if (!log) return usage(log.error());
  const auto filter = filter_of({{}, {}, {}, {}, options.words.since, options.words.until});
  if (!filter) return usage(filter.error());
  Concern concern(options);
  LogReader reader(log->files);
  std::uint64_t found = 0;
  while (reader.next()) {
    const LogRecord& record = *reader.record();
    if (!concern.has(record) || !filter->in_time(record)) continue;
    ++found;
    if (options.json) {
      std::cout << fit_for_terminal(reader.line()) << '\n';
    } else {
      std::cout << time_text(record.time, Precise::yes) << "  " << sentence(record) << '\n';
    }
  }
  if (found == 0) std::cerr << "none of " << reader.records() << " records is about that\n";
  return done(reader.odd());
}

}  // namespace

void add_query_command(CLI::App& audit, int& exit_status) {
  auto options = std::make_shared<Options>();
  auto* command = audit.add_subcommand("query", "Show the records that match");
  add_source(*command, options->source);
  add_filters(*command, options->words);
  add_times(*command, options->words);
  command->add_option("--limit", options->limit, "only the newest so many")->check(checked_count);
  command->add_flag("--json", options->json, "the records themselves, a line each");
  command->footer(
      "Example: sallyport audit query /var/log/sallyport --agent release-bot --verdict deny --since \"2h ago\"\n"
      "Text that agents supplied is shown in quotes, with control characters escaped.");
  command->callback([options, &exit_status] { exit_status = query(*options); });
}

void add_timeline_command(CLI::App& audit, int& exit_status) {
  auto options = std::make_shared<Options>();
  auto* command = audit.add_subcommand("timeline", "Tell in words what happened, in its order");
  add_source(*command, options->source);
  command->add_option("--agent", options->words.agent, "whose day to tell; this or --correlation must be there");
  command->add_option("--correlation", options->correlation,
                      "instead: the id that a connection and all about it share");
  add_times(*command, options->words);
  command->add_flag("--json", options->json, "the records themselves, a line each");
  command->footer("Example: sallyport audit timeline -c sallyport.yaml --agent release-bot --since 2026-06-01");
  command->callback([options, &exit_status] { exit_status = timeline(*options); });
}

}  // namespace sallyport
