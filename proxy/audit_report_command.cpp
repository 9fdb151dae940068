#include "proxy/audit_query_command.hpp"
#include "proxy/audit_source.hpp"
#include "telemetry/audit_report.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>

namespace sallyport {
namespace {

struct Options {
  AuditSource source;
  FilterWords words;
  std::string against;
  bool json = false;
};

int usage(const Complaint& complaint) {
  std::cerr << "sallyport audit report: " << complaint.text << '\n';
  return 2;
}

int report(const Options& options) {
  const auto log = find_log(options.source);
  if (!log) return usage(log.error());
  const auto filter = filter_of(options.words);
  if (!filter) return usage(filter.error());
  VerifyOptions checks;
  checks.key_path = log->key;
  if (!options.against.empty()) {
    const auto head = head_from(options.against);
    if (!head) return usage({"--against: ", head.error().text});
    checks.against = *head;
  }
  const AuditReport made = make_report(log->files, checks, *filter);
  std::cout << (options.json ? report_json(made) + "\n" : report_text(made));
  return made.chain.whole() && made.odd.unreadable.empty() ? 0 : 1;
}

}  // namespace

void add_report_command(CLI::App& audit, int& exit_status) {
  auto options = std::make_shared<Options>();
  auto* command = audit.add_subcommand("report", "An auditor's page: is the log whole, and who reached what, and why?");
  add_source(*command, options->source);
  add_times(*command, options->words);
  command->add_option("--key", options->source.key, "data/audit.pub; found by itself with -c");
  command->add_option("--against", options->against, "SEQUENCE:SHA256 or a file: a head seen earlier must be in it");
  command->add_flag("--json", options->json, "one JSON object");
  command->footer(
      "Example: sallyport audit report -c sallyport.yaml --since 2026-06-01 --until 2026-06-30\n"
      "Exit status: 0, or 1 where the log is not whole: then the page says so first.");
  command->callback([options, &exit_status] { exit_status = report(*options); });
}

}  // namespace sallyport
