#include "proxy/audit_query_command.hpp"
#include "proxy/audit_source.hpp"
#include "proxy/output_file.hpp"
#include "telemetry/audit_export.hpp"
#include "telemetry/safe_text.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>

namespace sallyport {
namespace {

struct Options {
  AuditSource source;
  FilterWords words;
  std::string format = "jsonl", output;
};

int usage(const Complaint& complaint) {
  std::cerr << "sallyport audit export: " << complaint.text << '\n';
  return 2;
}

int failed(const Options& options) {
  std::cerr << "sallyport audit export: " << in_quotes(options.output) << " could not be written to its end\n";
  return 1;
}

int none_found() {
  std::cerr << "no record is like that; nothing was written\n";
  return 1;
}

int export_as_lines(const Options& options, const FoundLog& log, const LogFilter& filter) {
  if (!filter.only_time()) {
    return usage(
        {"jsonl takes --since and --until only, since a chain with holes can't be verified; "
         "use `audit query --json`, or --format csv"});
  }
  const auto range = find_range(log.files, filter);
  if (!range) return none_found();
  const auto out = open_output(options.output);
  if (!out) return usage(out.error());
  if (!export_lines(log.files, *range, **out)) return failed(options);
  const std::string name = shown(options.output);
  std::cout << "wrote sequence " << range->first_sequence << " to " << range->last_sequence << " to " << name
            << (range->ends_signed ? ", which ends with the checkpoint that signs it\n"
                                   : "; no checkpoint signs its end yet\n");
  std::cout << "verify it with: sallyport audit verify ";
  if (range->first_sequence != 1) std::cout << "--from " << range->before.text() << ' ';
  std::cout << "--key audit.pub " << name << '\n';
  return 0;
}

int export_as_csv(const Options& options, const FoundLog& log, const LogFilter& filter) {
  const auto out = open_output(options.output);
  if (!out) return usage(out.error());
  OddLines odd;
  const auto count = export_csv(log.files, filter, **out, odd);
  if (!count) return failed(options);
  if (!odd.none()) std::cerr << "note: " << odd.text() << '\n';
  std::cout << "wrote " << *count << " records to " << shown(options.output)
            << "; csv can't be verified: keep the log, or a jsonl, beside it\n";
  return odd.unreadable.empty() ? 0 : 1;
}

int run(const Options& options) {
  const auto log = find_log(options.source);
  if (!log) return usage(log.error());
  const auto filter = filter_of(options.words);
  if (!filter) return usage(filter.error());
  return options.format == "csv" ? export_as_csv(options, *log, *filter) : export_as_lines(options, *log, *filter);
}

}  // namespace

void add_export_command(CLI::App& audit, int& exit_status) {
  auto options = std::make_shared<Options>();
  auto* command = audit.add_subcommand("export", "Write a part of the log for elsewhere");
  add_source(*command, options->source);
  command->add_option("--format", options->format, "jsonl: whole lines that still verify; csv: for a spreadsheet")
      ->check(CLI::IsMember({"jsonl", "csv"}));
  command->add_option("-o,--output", options->output, "the file to write; it must not be there yet")->required();
  add_times(*command, options->words);
  add_filters(*command, options->words);
  command->footer(
      "Example: sallyport audit export -c sallyport.yaml --since 2026-06-01 --until 2026-06-30 -o june.jsonl");
  command->callback([options, &exit_status] { exit_status = run(*options); });
}

}  // namespace sallyport
