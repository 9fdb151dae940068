#include "proxy/audit_command.hpp"

#include "proxy/approvals_command_words.hpp"
#include "proxy/audit_query_command.hpp"
#include "proxy/audit_source.hpp"
#include "telemetry/audit_report.hpp"
#include "telemetry/schema.hpp"
#include "telemetry/verify.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>
#include <string>

namespace sallyport {
namespace {

struct Options {
  AuditSource source;
  std::string against, from;
  bool json = false;
};

int run_verify(const Options& options) {
  const auto log = find_log(options.source);
  if (!log) {
    std::cerr << "sallyport audit verify: " << log.error().text << '\n';
    return 2;
  }
  VerifyOptions checks;
  checks.key_path = log->key;
  if (!options.against.empty()) {
    const auto head = head_from(options.against);
    if (!head) {
      std::cerr << "--against: " << head.error().text << '\n';
      return 2;
    }
    checks.against = *head;
  }
  if (!options.from.empty()) {
    checks.from = Beginning::parse(options.from);
    if (!checks.from) {
      std::cerr << "--from: expected SEQUENCE or SEQUENCE:SHA256, not " << options.from << '\n';
      return 2;
    }
  }
  const VerifyReport report = verify(log->files, checks);
  if (options.json) {
    std::cout << chain_json(report, !checks.key_path.empty()) << '\n';
    return report.whole() ? 0 : 1;
  }
  for (const auto& problem : report.problems) std::cout << problem.text << '\n';
  if (report.further_problems > 0) std::cout << "and " << report.further_problems << " more\n";
  for (const auto& note : report.notes) std::cout << "note: " << note << '\n';
  if (report.holds_no_record()) {
    std::cout << "NOTHING TO VERIFY: no record is here\n";
    return 1;
  }
  std::cout << (report.whole() ? "whole: " : "NOT WHOLE: ") << counted(report.lines, "line") << ", "
            << counted(report.checkpoints, "checkpoint") << ", head " << report.head.text() << '\n';
  return report.whole() ? 0 : 1;
}

}  // namespace

void add_audit_command(CLI::App& application, int& exit_status) {
  auto* command = application.add_subcommand("audit", "Read, verify, report and export the audit log");
  command->require_subcommand(1);
  auto options = std::make_shared<Options>();
  auto* verifying = command->add_subcommand("verify", "Find any changed, missing, added or reordered line");
  add_source(*verifying, options->source);
  verifying->add_option("--key", options->source.key,
                        "data/audit.pub: check the signatures too; found by itself with -c");
  verifying->add_option("--against", options->against, "SEQUENCE:SHA256 or a file: a head seen earlier must be in it");
  verifying->add_option("--from", options->from,
                        "SEQUENCE, or the head SEQUENCE:SHA256 that went before: these files are a part of a log");
  verifying->callback([options, &exit_status] { exit_status = run_verify(*options); });
  verifying->add_flag("--json", options->json, "one JSON object");
  verifying->footer(
      "Example: sallyport audit verify --key /var/lib/sallyport/audit.pub /var/log/sallyport/audit.jsonl");
  add_query_command(*command, exit_status);
  add_timeline_command(*command, exit_status);
  add_report_command(*command, exit_status);
  add_export_command(*command, exit_status);
  auto* schema = command->add_subcommand("schema", "Print the JSON Schema of every line");
  schema->callback([] { std::cout << audit_schema(); });
}

}  // namespace sallyport
