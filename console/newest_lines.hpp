// Reads the audit log from its end towards its beginning, a block at a time.
#pragma once
#include "policy/result.hpp"

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

// A place between two lines that stays true while the log grows and its files are renamed.
struct LogPlace {
  std::uint64_t first_sequence = 0;  // of the file
  std::uint64_t offset = 0;
  std::string text() const;  // "120001.52817"
  static std::optional<LogPlace> parse(std::string_view text);
};

class NewestLines {
 public:
  // `path` is the current file's. Begins before `place`, or at the end.
  static Outcome<NewestLines> open(const std::string& path, const std::optional<LogPlace>& place);

  // The line before the last one; false at the log's beginning, or where a file can't be read on.
  bool next();
  // Without its newline; until the next next().
  std::string_view line() const { return line_; }
  // Where this line begins: the place to go on from.
  LogPlace place() const;
  std::uint64_t bytes_read() const { return bytes_read_; }

 private:
  struct File {
    std::string path;
    std::uint64_t first_sequence;
  };
  bool enter(std::size_t index, std::optional<std::uint64_t> end);
  bool fill();

  std::vector<File> files_;  // oldest first
  std::size_t at_ = 0;       // the file being read is files_[at_ - 1]
  std::shared_ptr<std::FILE> file_;
  std::uint64_t begins_ = 0;  // the offset in the file of held_'s front
  std::string held_;          // bytes read and not given yet
  std::string line_;
  std::uint64_t bytes_read_ = 0;
};

}  // namespace sallyport
