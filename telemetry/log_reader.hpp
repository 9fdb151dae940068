// Reads a log of many files as one stream of records, in constant memory.
#pragma once
#include "policy/result.hpp"
#include "telemetry/log_line.hpp"
#include "telemetry/log_record.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

// The files that the arguments name, each once, in the order of the chain. A folder stands for the audit.jsonl in it,
// and a current file for its older files too ("audit.12.jsonl" beside "audit.jsonl"); an older file stands for itself.
// A complaint where one is not there.
Outcome<std::vector<std::string>> find_log_files(const std::vector<std::string>& arguments);

// What was no record of ours.
struct OddLines {
  std::uint64_t torn = 0;               // no JSON: cut by a crash, or rubbish
  std::uint64_t foreign = 0;            // JSON of someone else
  std::string first;                    // "FILE:LINE" of the first such line
  std::vector<std::string> unreadable;  // files that could not be read, or not to their end

  bool none() const { return torn == 0 && foreign == 0 && unreadable.empty(); }
  // "2 torn lines and 1 of another program were passed over, the first at audit.jsonl:12"; empty where none() holds.
  std::string text() const;
};

class LogReader {
 public:
  explicit LogReader(std::vector<std::string> files) : files_(std::move(files)) {}

  // The next record of ours. False at the end.
  bool next();
  // The next line, whatever it is.
  bool next_line();

  const LogRecord* record() const { return record_ ? &*record_ : nullptr; }
  std::string_view line() const { return lines_->line(); }
  // The line had its newline. Another piece of an over-long line has none either.
  bool finished() const { return lines_->finished(); }
  const std::string& file() const { return files_[at_ - 1]; }
  // Of the line that stands here, from 1, through all files.
  std::uint64_t number() const { return number_; }
  std::uint64_t records() const { return count_; }
  const OddLines& odd() const { return odd_; }

 private:
  bool open_next();
  void look();

  std::vector<std::string> files_;
  std::size_t at_ = 0;  // the file after the one that is read
  std::unique_ptr<LineReader> lines_;
  std::optional<LogRecord> record_;
  std::uint64_t number_ = 0, count_ = 0;
  OddLines odd_;
};

}  // namespace sallyport
