// Reading the log again: lines, files and tails. For recovery and verification.
#pragma once
#include "policy/result.hpp"
#include "telemetry/chain.hpp"
#include "telemetry/event.hpp"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

// The part of a line that holds the chain together.
struct LogLine {
  std::uint64_t sequence = 0;
  std::string prev;
  std::optional<Checkpoint> checkpoint;
  bool tells_of_torn = false;
  bool starts = false;               // Sallyport was started
  std::uint64_t begins = 0;          // files before this sequence were retired; 0: it does not say
  std::chrono::milliseconds time{};  // since the epoch
};

// nullopt: not a record of ours, such as a line torn by a crash.
std::optional<LogLine> parse_log_line(std::string_view text);

// The Open or the begun hold that `text` records, as the Fail that ends it after a crash. nullopt: it is none.
std::optional<ConnectionEvent> crashed_connection(std::string_view text);

// Reads a file line by line, holding one line. A line longer than a mebibyte is cut into several, none of which parses.
class LineReader {
 public:
  explicit LineReader(const std::string& path);
  // False at the end, and where reading fails.
  bool next();
  // Without its newline; until the next next().
  std::string_view line() const { return line_; }
  std::uint64_t number() const { return number_; }  // from 1
  bool finished() const { return finished_; }       // the last line had its newline, or there was none
  bool failed() const { return failed_; }           // could not be opened or read

 private:
  bool fill();
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
  std::vector<char> buffer_;
  std::size_t at_ = 0, size_ = 0;
  std::string line_;
  std::uint64_t number_ = 0;
  bool finished_ = true, failed_ = false;
};

struct LogTail {
  Head head;          // of the last line, torn or not
  bool torn = false;  // the newest file does not end in a newline
  bool told = true;   // no unparsed line stands at the end without a record that tells of it
};

// The end of the log whose files these are, oldest first. An error where the last records can't be understood.
Outcome<LogTail> read_tail(const std::vector<std::string>& files);

// The connections that were open or held when the log's writer died, as their ends. At most `limit`; `beyond` counts
// the rest.
struct Unfinished {
  std::vector<ConnectionEvent> ends;
  std::uint64_t beyond = 0;
};
Unfinished find_unfinished(const std::vector<std::string>& files, std::size_t limit = 200'000);

// The first sequence of a log file; 0: it holds no record.
std::uint64_t first_sequence_of(const std::string& path);
// The files in the order of the chain, which is that of their first sequences: their names say nothing that could not
// be changed.
std::vector<std::string> in_order(const std::vector<std::string>& files);

// The first sequence in an older file's name, "audit.12.jsonl" of "audit.jsonl".
std::optional<std::uint64_t> first_sequence_in_name(const std::string& current, const std::string& file);
// "DIR/audit.12.jsonl"
std::string rotated_path(const std::string& current, std::uint64_t first_sequence);

}  // namespace sallyport
