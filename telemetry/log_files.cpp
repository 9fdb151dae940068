// The log's files on disk: their names and order, their lines, and what their end says.
#include "telemetry/log_line.hpp"
#include "telemetry/verify.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <unordered_map>

namespace sallyport {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t longest_line = 1U << 20;
// Enough for any record and any torn lines behind it.
constexpr std::uintmax_t tail_size = 4U << 20;

constexpr std::string_view open_type = "\"type_uid\":400101,";
constexpr std::string_view refuse_type = "\"type_uid\":400105,";
constexpr std::string_view traffic_type = "\"type_uid\":400106,";
constexpr std::string_view hold_type = "\"type_uid\":400199,";

// The lines at the end of a file, the last one last; without their newlines.
struct LastLines {
  std::vector<std::string> lines;
  bool finished = true;   // the last one has its newline
  bool complete = false;  // they are all there are
};

std::optional<LastLines> read_last_lines(const std::string& path) {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
  if (!file || ::fseeko(file.get(), 0, SEEK_END) != 0) return std::nullopt;
  const auto size = static_cast<std::uintmax_t>(::ftello(file.get()));
  const std::uintmax_t from = size > tail_size ? size - tail_size : 0;
  std::string text(size - from, '\0');
  if (::fseeko(file.get(), static_cast<off_t>(from), SEEK_SET) != 0) return std::nullopt;
  if (std::fread(text.data(), 1, text.size(), file.get()) != text.size()) return std::nullopt;
  LastLines out;
  out.complete = from == 0;
  out.finished = text.empty() || text.back() == '\n';
  std::size_t at = from == 0 ? 0 : std::min(text.find('\n'), text.size() - 1) + 1;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out.lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::string_view after(std::string_view line, std::string_view key, char end) {
  const auto at = line.find(key);
  if (at == std::string_view::npos) return {};
  const auto start = at + key.size();
  return line.substr(start, line.find(end, start) - start);
}

// One connection: the correlation id may span several, the client's address and port tell them apart. Both as they
// stand in the line, since an Open and its end are written alike.
std::string connection_key(std::string_view line) {
  std::string key(after(line, "\"correlation_uid\":\"", '"'));
  key += ' ';
  key += after(line, "\"src_endpoint\":{", '}');
  return key;
}

// Our own keys stand before any text of others, whose quotes are escaped: a search can't be fooled.
bool has_type(std::string_view line, std::string_view type) {
  return line.substr(0, 128).find(type) != std::string_view::npos;
}

bool is_boundary(std::string_view line) {
  return has_type(line, "\"type_uid\":600203,") || has_type(line, "\"type_uid\":600204,");
}

bool is_end(std::string_view line) {
  return has_type(line, "\"type_uid\":400102,") || has_type(line, "\"type_uid\":400103,") ||
         has_type(line, "\"type_uid\":400104,");
}

// The newest file that holds a start or a stop: what was open before has its end before.
std::size_t file_of_last_boundary(const std::vector<std::string>& files) {
  for (std::size_t i = files.size(); i-- > 0;) {
    LineReader reader(files[i]);
    while (reader.next()) {
      if (is_boundary(reader.line())) return i;
    }
  }
  return 0;
}

// What was begun and not ended while a log is read, line by line.
class Begun {
 public:
  explicit Begun(std::size_t limit) : limit_(limit) {}

  void add(std::string_view line) {
    if (is_boundary(line)) return forget();
    if (has_type(line, open_type)) return begin(line, State::open);
    if (has_type(line, hold_type)) return begin(line, State::held);
    if (has_type(line, traffic_type)) return count(line);
    if (has_type(line, refuse_type)) return refuse(line);
    if (is_end(line)) begun_.erase(connection_key(line));
  }

  Unfinished take() {
    Unfinished out;
    out.beyond = beyond_;
    for (auto& [key, begun] : begun_) out.ends.push_back(std::move(begun.end));
    return out;
  }

 private:
  enum class State { held, open };
  struct One {
    State state;
    ConnectionEvent end;
  };

  void forget() {
    begun_.clear();
    beyond_ = 0;
  }

  void begin(std::string_view line, State state) {
    std::string key = connection_key(line);
    const auto known = begun_.find(key);
    // A later request of an open connection waits: that connection's end is the end of both.
    if (known != begun_.end() && state == State::held) return;
    auto end = known != begun_.end() || begun_.size() < limit_ ? crashed_connection(line) : std::nullopt;
    if (!end) {
      ++beyond_;
      return;
    }
    if (state == State::held) end->status_detail = "Sallyport ended while this connection was held.";
    begun_.insert_or_assign(std::move(key), One{state, std::move(*end)});
  }

  // It ends a hold; of what is open, one request was refused.
  void refuse(std::string_view line) {
    const auto known = begun_.find(connection_key(line));
    if (known != begun_.end() && known->second.state == State::held) begun_.erase(known);
  }

  void count(std::string_view line) {
    const auto known = begun_.find(connection_key(line));
    const auto event = known == begun_.end() ? std::nullopt : crashed_connection(line);
    if (event) known->second.end.cumulative = event->cumulative;
  }

  const std::size_t limit_;
  std::unordered_map<std::string, One> begun_;
  std::uint64_t beyond_ = 0;
};

}  // namespace

LineReader::LineReader(const std::string& path) : file_(std::fopen(path.c_str(), "re")), buffer_(256 * 1024) {
  failed_ = file_ == nullptr;
}

bool LineReader::fill() {
  at_ = 0;
  size_ = std::fread(buffer_.data(), 1, buffer_.size(), file_.get());
  failed_ = std::ferror(file_.get()) != 0;
  return size_ > 0 && !failed_;
}

bool LineReader::next() {
  line_.clear();
  if (failed_) return false;
  while (line_.size() < longest_line) {
    if (at_ == size_ && !fill()) break;
    const char* start = buffer_.data() + at_;
    const auto* newline = static_cast<const char*>(std::memchr(start, '\n', size_ - at_));
    const std::size_t length = newline ? static_cast<std::size_t>(newline - start) : size_ - at_;
    line_.append(start, length);
    at_ += length;
    if (newline == nullptr) continue;
    ++at_;
    ++number_;
    return finished_ = true;
  }
  if (line_.empty() || failed_) return false;
  finished_ = false;
  ++number_;
  return true;
}

std::uint64_t first_sequence_of(const std::string& path) {
  LineReader reader(path);
  std::uint64_t torn = 0;
  while (reader.next()) {
    const auto line = parse_log_line(reader.line());
    if (line) return line->sequence - std::min(torn, line->sequence - 1);
    ++torn;
  }
  return 0;
}

std::vector<std::string> in_order(const std::vector<std::string>& files) {
  std::vector<std::pair<std::uint64_t, std::string>> ordered;
  ordered.reserve(files.size());
  for (const std::string& file : files) ordered.emplace_back(first_sequence_of(file), file);
  std::stable_sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> out;
  out.reserve(ordered.size());
  for (auto& [sequence, file] : ordered) out.push_back(std::move(file));
  return out;
}

std::string rotated_path(const std::string& current, std::uint64_t first_sequence) {
  const fs::path path(current);
  const std::string name = path.stem().string() + "." + std::to_string(first_sequence) + path.extension().string();
  return (path.parent_path() / name).string();
}

std::optional<std::uint64_t> first_sequence_in_name(const std::string& current, const std::string& file) {
  const fs::path path(current);
  const std::string head = path.stem().string() + ".", tail = path.extension().string();
  const std::string name = fs::path(file).filename().string();
  if (name.size() <= head.size() + tail.size() || !name.starts_with(head) || !name.ends_with(tail)) return std::nullopt;
  const char* start = name.data() + head.size();
  const char* stop = name.data() + name.size() - tail.size();
  std::uint64_t first = 0;
  const auto [end, error] = std::from_chars(start, stop, first);
  if (error != std::errc() || end != stop) return std::nullopt;
  return first;
}

std::vector<std::string> log_files(const std::string& path) {
  std::vector<std::pair<std::uint64_t, std::string>> found;
  const fs::path folder = fs::path(path).parent_path();
  std::error_code error;
  for (fs::directory_iterator at(folder.empty() ? fs::path(".") : folder, error), end; !error && at != end;
       at.increment(error)) {
    const std::string file = (folder / at->path().filename()).string();
    if (const auto first = first_sequence_in_name(path, file)) found.emplace_back(*first, file);
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> files;
  for (auto& [first, file] : found) files.push_back(std::move(file));
  if (fs::exists(path, error)) files.push_back(path);
  return files;
}

Outcome<LogTail> read_tail(const std::vector<std::string>& files) {
  LogTail tail;
  std::uint64_t unparsed = 0;
  bool first = true;
  for (std::size_t i = files.size(); i-- > 0;) {
    const auto last = read_last_lines(files[i]);
    if (!last) return Complaint{"can't read " + files[i]};
    if (first && !last->lines.empty()) {
      tail.torn = !last->finished;
      tail.head.sha256 = sha256_hex(last->lines.back());
      first = false;
    }
    for (std::size_t at = last->lines.size(); at-- > 0;) {
      const auto line = parse_log_line(last->lines[at]);
      if (line) {
        tail.head.sequence = line->sequence + unparsed;
        tail.told = unparsed == 0;
        return tail;
      }
      ++unparsed;
    }
    if (!last->complete) break;
  }
  if (unparsed == 0) return tail;
  // A crash during the very first record leaves one torn line and nothing else.
  if (unparsed == 1) {
    tail.head.sequence = 1;
    tail.told = false;
    return tail;
  }
  return Complaint{files.back() + " holds no record that can be continued; move it away, or name another path"};
}

Unfinished find_unfinished(const std::vector<std::string>& files, std::size_t limit) {
  Begun begun(limit);
  for (std::size_t i = file_of_last_boundary(files); i < files.size(); ++i) {
    LineReader reader(files[i]);
    while (reader.next()) begun.add(reader.line());
  }
  return begun.take();
}

}  // namespace sallyport
