#include "telemetry/log_reader.hpp"

#include "telemetry/safe_text.hpp"
#include "telemetry/verify.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <set>
#include <system_error>
#include <unistd.h>

namespace sallyport {
namespace {

namespace fs = std::filesystem;

// "audit.12.jsonl": an older file.
bool is_rotated(const fs::path& path) {
  const std::string number = path.stem().extension().string();
  return number.size() > 1 && number.find_first_not_of("0123456789", 1) == std::string::npos;
}

// The system's reason why `path` can't be read; empty where it can, or is not there.
std::string denied(const std::string& path) {
  if (::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) == 0 || errno == ENOENT || errno == ENOTDIR) return {};
  return in_quotes(path) + " can't be read: " + std::generic_category().message(errno);
}

Outcome<std::vector<std::string>> files_of(const std::string& argument) {
  if (std::string why = denied(argument); !why.empty()) return Complaint{why};
  std::error_code error;
  if (fs::is_directory(argument, error)) {
    const std::string current = (fs::path(argument) / "audit.jsonl").string();
    std::vector<std::string> files = log_files(current);
    if (files.empty())
      return Complaint{in_quotes(argument), " is a folder without an audit.jsonl; name the log's file"};
    return files;
  }
  if (is_rotated(argument) && fs::exists(argument, error)) return std::vector<std::string>{argument};
  std::vector<std::string> files = is_rotated(argument) ? std::vector<std::string>() : log_files(argument);
  if (files.empty()) {
    return Complaint{in_quotes(argument), " is not there; name the log's file, its folder, or -c sallyport.yaml"};
  }
  return files;
}

std::string count_text(std::uint64_t count, std::string_view one, std::string_view many) {
  return std::to_string(count) + " " + std::string(count == 1 ? one : many);
}

}  // namespace

Outcome<std::vector<std::string>> find_log_files(const std::vector<std::string>& arguments) {
  std::vector<std::string> all;
  std::set<std::string> seen;
  for (const std::string& argument : arguments) {
    const auto files = files_of(argument);
    if (!files) return files.error();
    for (const std::string& file : *files) {
      if (std::string why = denied(file); !why.empty()) return Complaint{why};
      std::error_code error;
      const std::string whole = fs::weakly_canonical(file, error).string();
      if (seen.insert(error ? file : whole).second) all.push_back(file);
    }
  }
  return in_order(all);
}

std::string OddLines::text() const {
  std::string out;
  if (torn != 0) out = count_text(torn, "torn or broken line", "torn or broken lines");
  if (foreign != 0) {
    out += out.empty() ? "" : " and ";
    out += count_text(foreign, "line of another program", "lines of another program");
  }
  if (!out.empty()) out += " passed over, the first at " + first;
  for (const std::string& file : unreadable) out += (out.empty() ? "" : "; ") + in_quotes(file) + " could not be read";
  return out;
}

bool LogReader::open_next() {
  if (lines_ && lines_->failed()) odd_.unreadable.push_back(file());
  if (at_ == files_.size()) return false;
  lines_ = std::make_unique<LineReader>(files_[at_++]);
  return true;
}

bool LogReader::next_line() {
  if (!lines_ && !open_next()) return false;
  while (!lines_->next()) {
    if (!open_next()) return false;
  }
  ++number_;
  look();
  return true;
}

bool LogReader::next() {
  while (next_line()) {
    if (record_) return true;
  }
  return false;
}

void LogReader::look() {
  ReadLine read = read_log_record(lines_->line());
  record_ = std::move(read.record);
  if (record_) {
    ++count_;
    return;
  }
  ++(read.json ? odd_.foreign : odd_.torn);
  if (odd_.first.empty()) odd_.first = in_quotes(file()).append(":").append(std::to_string(lines_->number()));
}

}  // namespace sallyport
