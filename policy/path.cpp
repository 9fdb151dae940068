#include "policy/path.hpp"

#include <algorithm>
#include <optional>

namespace sallyport {
namespace {

// Of an odd path up to 256 readings are made; this bounds their cost.
constexpr std::size_t max_read_in_every_way = 4096;

std::optional<unsigned> hex_value(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10U;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10U;
  return std::nullopt;
}

// The byte that "%xx" at `at` stands for.
std::optional<unsigned char> escape_at(std::string_view text, std::size_t at) {
  if (at + 2 >= text.size() || text[at] != '%') return std::nullopt;
  const auto high = hex_value(text[at + 1]);
  const auto low = hex_value(text[at + 2]);
  if (!high || !low) return std::nullopt;
  return static_cast<unsigned char>(*high * 16U + *low);
}

bool is_unreserved(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

bool is_control(unsigned char c) {
  return c < 0x20 || c == 0x7f;
}

void append_escape(std::string& text, unsigned char byte) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  text += '%';
  text += digits[byte >> 4U];
  text += digits[byte & 15U];
}

// RFC 3986, 5.2.4, for paths that begin with "/"; empty segments are kept.
std::string remove_dot_segments(std::string_view path) {
  std::vector<std::string_view> kept;
  bool ends_in_slash = false;
  std::size_t at = path.empty() || path[0] != '/' ? 0 : 1;
  while (at <= path.size()) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view segment = path.substr(at, end - at);
    const bool last = end == path.size();
    if (segment == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (segment != "." && !(last && segment.empty())) {
      kept.push_back(segment);
    }
    ends_in_slash = last && (segment.empty() || segment == "." || segment == "..");
    at = end + 1;
  }
  std::string result;
  for (const std::string_view segment : kept) result.append("/").append(segment);
  if (ends_in_slash || result.empty()) result += '/';
  return result;
}

std::string decode_once(std::string_view path) {
  std::string result;
  result.reserve(path.size());
  for (std::size_t at = 0; at < path.size(); ++at) {
    const auto byte = escape_at(path, at);
    result += byte ? static_cast<char>(*byte) : path[at];
    if (byte) at += 2;
  }
  return result;
}

std::string without_parameters(std::string_view path) {
  std::string result;
  bool dropping = false;
  for (const char c : path) {
    if (c == '/') dropping = false;
    if (c == ';') dropping = true;
    if (!dropping) result += c;
  }
  return result;
}

std::string with_single_slashes(std::string_view path) {
  std::string result;
  for (const char c : path) {
    if (c != '/' || result.empty() || result.back() != '/') result += c;
  }
  return result;
}

std::string without_controls(std::string_view path) {
  std::string result;
  std::copy_if(path.begin(), path.end(), std::back_inserter(result),
               [](char c) { return !is_control(static_cast<unsigned char>(c)); });
  return result;
}

std::string up_to_control(std::string_view path) {
  const auto* end =
      std::find_if(path.begin(), path.end(), [](char c) { return is_control(static_cast<unsigned char>(c)); });
  return {path.begin(), end};
}

void add_reading(std::vector<std::string>& readings, std::string reading) {
  if (reading.empty() || reading[0] != '/') reading.insert(reading.begin(), '/');
  if (std::find(readings.begin(), readings.end(), reading) == readings.end()) readings.push_back(std::move(reading));
}

// Each step doubles the readings at most, and only where it changes something: 256 at most.
template <class Change>
void fork(std::vector<std::string>& readings, Change change) {
  const std::size_t before = readings.size();
  for (std::size_t i = 0; i < before; ++i) {
    add_reading(readings, change(readings[i]));
  }
}

std::vector<std::string> all_readings(std::string_view path) {
  std::vector<std::string> readings;
  add_reading(readings, std::string(path));
  fork(readings, decode_once);
  fork(readings, decode_once);
  fork(readings, up_to_control);
  fork(readings, without_controls);
  fork(readings, [](std::string text) {
    std::replace(text.begin(), text.end(), '\\', '/');
    return text;
  });
  fork(readings, without_parameters);
  fork(readings, remove_dot_segments);
  fork(readings, with_single_slashes);
  return readings;
}

// `*` runs are bounded by '/', and, in `strict`, neither run takes an encoded slash.
enum class Run { none, segment, across };

bool may_skip(std::string_view text, std::size_t at, Run run, bool strict) {
  if (run == Run::none) return false;
  if (run == Run::segment && text[at] == '/') return false;
  return !(strict && text.substr(at, 3) == "%2F");
}

// Greedy with two points of return, the innermost `*` and the innermost `**`: at most pattern × text steps for each.
bool glob(std::string_view pattern, std::string_view text, bool strict) {
  struct Point {
    Run run = Run::none;
    std::size_t pattern = 0, text = 0;
  };
  Point star, across;
  std::size_t p = 0;
  std::size_t t = 0;
  while (true) {
    if (p < pattern.size() && pattern[p] == '*') {
      const bool twice = p + 1 < pattern.size() && pattern[p + 1] == '*';
      p += twice ? 2 : 1;
      (twice ? across : star) = Point{twice ? Run::across : Run::segment, p, t};
      if (twice) star = Point{};
      continue;
    }
    if (p == pattern.size() && t == text.size()) return true;
    if (p < pattern.size() && t < text.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
      continue;
    }
    if (star.run != Run::none && star.text < text.size() && may_skip(text, star.text, star.run, strict)) {
      t = ++star.text;
      p = star.pattern;
    } else if (across.run != Run::none && across.text < text.size() &&
               may_skip(text, across.text, across.run, strict)) {
      t = ++across.text;
      p = across.pattern;
      star = Point{};
    } else {
      return false;
    }
  }
}

}  // namespace

PathReadings read_path(std::string_view path) {
  PathReadings result;
  std::string text;
  text.reserve(path.size());
  bool encoded_dot = false;
  bool needs_readings = false;
  result.ambiguous = path.empty() || path[0] != '/';
  for (std::size_t at = 0; at < path.size(); ++at) {
    const auto raw = static_cast<unsigned char>(path[at]);
    if (const auto byte = escape_at(path, at)) {
      at += 2;
      needs_readings = true;
      const bool twice = *byte == '%' && at + 2 < path.size() && hex_value(path[at + 1]) && hex_value(path[at + 2]);
      result.ambiguous = result.ambiguous || twice || *byte == '\\' || *byte == ';' || is_control(*byte);
      result.encoded_slash = result.encoded_slash || *byte == '/';
      encoded_dot = encoded_dot || *byte == '.';
      if (is_unreserved(*byte)) {
        text += static_cast<char>(*byte);
      } else {
        append_escape(text, *byte);
      }
      continue;
    }
    const bool doubled = raw == '/' && at > 0 && path[at - 1] == '/';
    result.ambiguous = result.ambiguous || raw == '%' || raw == '\\' || raw == ';' || doubled || is_control(raw);
    if (raw >= 0x80) {
      append_escape(text, raw);
      needs_readings = true;
    } else {
      text += static_cast<char>(raw);
    }
  }
  result.canonical = remove_dot_segments(text);
  // Dots that were written plainly are removed by everyone; where an escape made a dot segment, servers differ.
  if (encoded_dot && result.canonical != text) result.ambiguous = true;
  // "/a%2F.." is a dot segment only for those who decode the slash.
  if (result.encoded_slash) {
    const std::string decoded = decode_once(text);
    if (remove_dot_segments(decoded) != decoded || with_single_slashes(decoded) != decoded) result.ambiguous = true;
  }
  if (!result.ambiguous && !needs_readings && result.canonical == path) {
    result.any.push_back(result.canonical);
  } else if (path.size() > max_read_in_every_way) {
    result.ambiguous = result.unreadable = true;
  } else {
    result.any = all_readings(path);
  }
  return result;
}

Outcome<PathPattern> PathPattern::parse(std::string_view text) {
  if (text.empty() || text[0] != '/')
    return Complaint{"a path begins with \"/\": write \"/" + std::string(text) + "\""};
  if (text.size() > 4096) return Complaint{"a path pattern has at most 4096 characters"};
  if (text.find_first_of("?#") != std::string_view::npos) {
    return Complaint{"a path has no query and no fragment: leave out what follows \"?\" or \"#\""};
  }
  if (text.find("***") != std::string_view::npos) return Complaint{"write \"*\" or \"**\""};
  const PathReadings readings = read_path(text);
  if (readings.ambiguous) {
    return Complaint{
        "no request could be compared with this path: write it without \"//\", \"\\\", \";\", encoded dots or "
        "backslashes, and \"%\" only as the start of an escape"};
  }
  if (readings.canonical != text) return Complaint{"write this path as \"" + readings.canonical + "\""};
  return PathPattern(readings.canonical, decode_once(readings.canonical));
}

bool PathPattern::allows(const PathReadings& path) const {
  return !path.ambiguous && glob(text_, path.canonical, true);
}

bool PathPattern::catches(const PathReadings& path) const {
  if (path.unreadable || (!path.ambiguous && glob(text_, path.canonical, false))) return true;
  return std::any_of(path.any.begin(), path.any.end(),
                     [this](const std::string& reading) { return glob(decoded_, reading, false); });
}

}  // namespace sallyport
