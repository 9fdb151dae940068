#include "policy/path.hpp"

#include <algorithm>
#include <optional>

namespace sallyport {
namespace {

// What an odd path may cost: nobody means one that is longer, can be read in more ways, or is encoded deeper.
constexpr std::size_t max_read_in_every_way = 4096, max_readings = 64;
constexpr int max_depth = 4;

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

// Decoded too early, an escape may end the path.
std::string up_to_end(std::string_view path) {
  const auto* end = std::find_if(path.begin(), path.end(), [](char c) {
    return is_control(static_cast<unsigned char>(c)) || c == '?' || c == '#';
  });
  return {path.begin(), end};
}

std::string decode_fully(std::string text) {
  for (int depth = 0; depth < max_depth && text.find('%') != std::string::npos; ++depth) text = decode_once(text);
  return text;
}

// "%u002f", which some servers of Windows know.
std::string decode_wide(std::string_view path) {
  std::string result;
  for (std::size_t at = 0; at < path.size(); ++at) {
    const bool wide = path[at] == '%' && at + 5 < path.size() && (path[at + 1] == 'u' || path[at + 1] == 'U');
    const auto high = wide ? escape_at(std::string("%").append(path.substr(at + 2, 2)), 0) : std::nullopt;
    const auto low = wide ? escape_at(std::string("%").append(path.substr(at + 4, 2)), 0) : std::nullopt;
    const bool is_ascii = high && low && *high == 0 && *low < 0x80;
    result += is_ascii ? static_cast<char>(*low) : path[at];
    if (is_ascii) at += 5;
  }
  return result;
}

// An ASCII character in more bytes than UTF-8 gives it, which lenient decoders take: how many bytes, 0 for none.
std::size_t overlong_at(std::string_view bytes, std::size_t at, char& character) {
  const auto byte = [&](std::size_t i) {
    return at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0U;
  };
  const auto follows = [&](std::size_t i, unsigned char most) { return byte(i) >= 0x80 && byte(i) <= most; };
  if ((byte(0) == 0xC0 || byte(0) == 0xC1) && follows(1, 0xBF)) {
    character = static_cast<char>((byte(0) & 1U) << 6U | (byte(1) & 0x3FU));
    return 2;
  }
  const std::size_t lead = byte(0) == 0xE0 ? 1 : byte(0) == 0xF0 && byte(1) == 0x80 ? 2 : 0;
  if (lead == 0 || !follows(lead, 0x81) || !follows(lead + 1, 0xBF)) return 0;
  character = static_cast<char>((byte(lead) & 1U) << 6U | (byte(lead + 1) & 0x3FU));
  return lead + 2;
}

std::string decode_overlong(std::string_view bytes) {
  std::string result;
  for (std::size_t at = 0; at < bytes.size();) {
    char character = bytes[at];
    const std::size_t length = overlong_at(bytes, at, character);
    result += character;
    at += std::max<std::size_t>(length, 1);
  }
  return result;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return result;
}

void add_reading(std::vector<std::string>& readings, std::string reading) {
  if (reading.empty() || reading[0] != '/') reading.insert(reading.begin(), '/');
  if (std::find(readings.begin(), readings.end(), reading) == readings.end()) readings.push_back(std::move(reading));
}

// Each step doubles the readings at most, and only where it changes something.
template <class Change>
void fork(std::vector<std::string>& readings, Change change) {
  const std::size_t before = readings.size();
  for (std::size_t i = 0; i < before && readings.size() <= max_readings; ++i) {
    add_reading(readings, change(readings[i]));
  }
}

std::vector<std::string> all_readings(std::string_view path) {
  std::vector<std::string> readings;
  add_reading(readings, std::string(path));
  fork(readings, decode_wide);
  fork(readings, decode_once);
  fork(readings, decode_once);
  fork(readings, decode_fully);
  fork(readings, decode_overlong);
  fork(readings, up_to_end);
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
  // A path of which some decoders make another.
  if (needs_readings) {
    const std::string bytes = decode_once(text);
    if (decode_overlong(bytes) != bytes) result.ambiguous = true;
  }
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
    if (result.any.size() > max_readings) result.ambiguous = result.unreadable = true;
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
  return PathPattern(readings.canonical, lower(decode_once(readings.canonical)));
}

bool PathPattern::allows(const PathReadings& path) const {
  return !path.ambiguous && glob(text_, path.canonical, true);
}

bool PathPattern::catches(const PathReadings& path) const {
  if (path.unreadable || (!path.ambiguous && glob(text_, path.canonical, false))) return true;
  return std::any_of(path.any.begin(), path.any.end(), [this](const std::string& reading) {
    const std::string folded = lower(reading);
    if (glob(decoded_, folded, false)) return true;
    // Most servers take "/a/" for "/a".
    return folded.size() > 1 && folded.back() == '/' &&
           glob(decoded_, std::string_view(folded).substr(0, folded.size() - 1), false);
  });
}

}  // namespace sallyport
