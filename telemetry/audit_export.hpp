// What `sallyport audit export` writes.
#pragma once
#include "telemetry/log_filter.hpp"
#include "telemetry/log_reader.hpp"

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace sallyport {

// An unbroken run of lines, which can be verified by itself where its beginning is told (`audit verify --from`).
struct ExportRange {
  std::uint64_t first_line = 0, last_line = 0;  // through all files, from 1
  std::uint64_t first_sequence = 0, last_sequence = 0;
  Head before;               // of the line before the first one, as that names it
  bool ends_signed = false;  // the last line is a checkpoint
};

// From the first record in the filter's time to the last one, and on to the checkpoint that signs it where one follows.
// nullopt: none is in that time. Only the filter's times count: a chain with holes can't be verified.
std::optional<ExportRange> find_range(const std::vector<std::string>& files, const LogFilter& filter);

// The range's lines as they stand, torn ones too. False where writing fails.
bool export_lines(const std::vector<std::string>& files, const ExportRange& range, std::ostream& out);

// A heading and a line a record. What was no record is counted in `odd`. nullopt where writing fails, else how many.
std::optional<std::uint64_t> export_csv(const std::vector<std::string>& files, const LogFilter& filter,
                                        std::ostream& out, OddLines& odd);

}  // namespace sallyport
