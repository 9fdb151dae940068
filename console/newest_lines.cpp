#include "console/newest_lines.hpp"

#include "telemetry/log_line.hpp"
#include "telemetry/log_reader.hpp"

#include <algorithm>
#include <charconv>

namespace sallyport {
namespace {

constexpr std::size_t block = 64U << 10U;
// No line of ours is longer; what is, is given in pieces that parse as nothing.
constexpr std::size_t longest_line = 1U << 20U;

std::uint64_t sequence_at_front_of(const std::string& file) {
  LineReader lines(file);
  while (lines.next()) {
    if (const auto line = parse_log_line(lines.line())) return line->sequence;
  }
  return 0;
}

}  // namespace

std::string LogPlace::text() const {
  return std::to_string(first_sequence) + '.' + std::to_string(offset);
}

std::optional<LogPlace> LogPlace::parse(std::string_view text) {
  LogPlace place;
  const char* end = text.data() + text.size();
  const auto [dot, error] = std::from_chars(text.data(), end, place.first_sequence);
  if (error != std::errc{} || dot == end || *dot != '.') return std::nullopt;
  const auto [rest, fault] = std::from_chars(dot + 1, end, place.offset);
  if (fault != std::errc{} || rest != end) return std::nullopt;
  return place;
}

Outcome<NewestLines> NewestLines::open(const std::string& path, const std::optional<LogPlace>& place) {
  const auto found = find_log_files({path});
  if (!found) return found.error();
  NewestLines lines;
  for (const auto& file : *found) {
    const auto named = first_sequence_in_name(path, file);
    lines.files_.push_back({file, named ? *named : sequence_at_front_of(file)});
  }
  std::size_t index = lines.files_.size();
  std::optional<std::uint64_t> end;
  if (place) {
    const auto file = std::find_if(lines.files_.begin(), lines.files_.end(),
                                   [&](const File& each) { return each.first_sequence == place->first_sequence; });
    if (file == lines.files_.end()) return Complaint{"the log no longer reaches back to this cursor"};
    index = static_cast<std::size_t>(file - lines.files_.begin()) + 1;
    end = place->offset;
  }
  lines.at_ = index;
  static_cast<void>(lines.enter(index, end));
  return lines;
}

// False where this file can't be read.
bool NewestLines::enter(std::size_t index, std::optional<std::uint64_t> end) {
  at_ = index;
  held_.clear();
  begins_ = 0;
  file_.reset();
  if (index == 0) return false;
  std::FILE* opened = std::fopen(files_[index - 1].path.c_str(), "rbe");
  if (!opened) return false;
  file_ = std::shared_ptr<std::FILE>(opened, [](std::FILE* file) { std::fclose(file); });
  if (std::fseek(opened, 0, SEEK_END) != 0) return false;
  const long size = std::ftell(opened);
  if (size < 0) return false;
  begins_ = end ? std::min(*end, static_cast<std::uint64_t>(size)) : static_cast<std::uint64_t>(size);
  return true;
}

// Puts the block before held_ in front of it.
bool NewestLines::fill() {
  const std::size_t size = std::min<std::uint64_t>(block, begins_);
  std::string before(size, '\0');
  if (std::fseek(file_.get(), static_cast<long>(begins_ - size), SEEK_SET) != 0) return false;
  if (std::fread(before.data(), 1, size, file_.get()) != size) return false;
  begins_ -= size;
  bytes_read_ += size;
  held_.insert(0, before);
  return true;
}

bool NewestLines::next() {
  while (at_ > 0) {
    if (held_.ends_with('\n')) held_.pop_back();
    auto newline = held_.rfind('\n');
    while (newline == std::string::npos && begins_ > 0 && held_.size() < longest_line) {
      const std::size_t added = std::min<std::uint64_t>(block, begins_);
      const bool fresh = held_.empty();
      if (!fill()) return false;
      if (fresh && held_.ends_with('\n')) held_.pop_back();
      newline = held_.rfind('\n', fresh ? std::string::npos : added);
    }
    if (!held_.empty()) {
      const std::size_t start = newline == std::string::npos ? 0 : newline + 1;
      line_ = held_.substr(start);
      held_.resize(start);
      return true;
    }
    if (begins_ == 0 && !enter(at_ - 1, std::nullopt)) return false;
  }
  return false;
}

LogPlace NewestLines::place() const {
  return {files_[at_ - 1].first_sequence, begins_ + held_.size()};
}

}  // namespace sallyport
