#include "telemetry/safe_text.hpp"

#include "policy/expiry.hpp"
#include "policy/yaml.hpp"
#include "telemetry/json_text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>

namespace sallyport {
namespace {

bool is_plain_word(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._:/@*+-").find(c) != std::string_view::npos;
  });
}

template <class... Values>
std::string format(const char* how, Values... values) {
  std::array<char, 64> out;
  const int size = std::snprintf(out.data(), out.size(), how, values...);
  return std::string(out.data(), static_cast<std::size_t>(std::clamp(size, 0, static_cast<int>(out.size()) - 1)));
}

}  // namespace

std::string in_quotes(std::string_view text, std::size_t limit) {
  std::string out;
  append_json_string(out, text, limit);
  return out;
}

std::string shown(std::string_view text, std::size_t limit) {
  if (text.empty()) return "-";
  return text.size() <= limit && is_plain_word(text) ? std::string(text) : in_quotes(text, limit);
}

std::string fit_for_terminal(std::string_view json) {
  const auto is_odd = [](char c) { return static_cast<unsigned char>(c) >= 0x7f; };
  std::string out;
  while (!json.empty()) {
    const auto odd = std::find_if(json.begin(), json.end(), is_odd);
    // JSON has control characters between its tokens only, where a space means the same.
    std::transform(json.begin(), odd, std::back_inserter(out),
                   [](char c) { return static_cast<unsigned char>(c) < 0x20 ? ' ' : c; });
    json.remove_prefix(static_cast<std::size_t>(odd - json.begin()));
    const auto run = static_cast<std::size_t>(std::find_if_not(json.begin(), json.end(), is_odd) - json.begin());
    // Escaped as a string of its own, whose quotes are then dropped.
    const std::string escaped = in_quotes(json.substr(0, run), run * 8);
    out.append(escaped, 1, escaped.size() - 2);
    json.remove_prefix(run);
  }
  return out;
}

std::string csv_field(std::string_view text) {
  std::string plain;
  const std::string escaped = in_quotes(text, text.size() * 8 + 1);
  for (std::size_t at = 1; at + 1 < escaped.size(); ++at) {
    if (escaped[at] == '\\' && escaped[at + 1] == '"') ++at;
    plain.push_back(escaped[at]);
  }
  const bool formula = !plain.empty() && std::string_view("=+-@").find(plain.front()) != std::string_view::npos;
  if (formula) plain.insert(0, 1, '\'');
  if (!formula && plain.find_first_of("\",;") == std::string::npos) return plain;
  std::string field = "\"";
  for (const char c : plain) {
    if (c == '"') field.push_back('"');
    field.push_back(c);
  }
  return field + "\"";
}

std::string time_text(WallClock::time_point time, Precise precise) {
  const auto since = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto days = std::chrono::floor<std::chrono::days>(since);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(since - days);
  std::string out =
      format("%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
             static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
             static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
  if (precise == Precise::yes) out += format(".%03d", static_cast<int>(clock.subseconds().count()));
  return out + "Z";
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1023.95 && unit + 1 < units.size(); ++unit) value /= 1024;
  return format("%.1f %s", value, units[unit]);
}

std::string duration_text(std::chrono::milliseconds duration) {
  const long long ms = duration.count();
  if (ms < 1000) return std::to_string(ms) + " ms";
  if (ms < 60'000) return format("%.1f s", static_cast<double>(ms / 100) / 10.0);
  const long long seconds = ms / 1000;
  if (seconds < 3600) return format("%lld min %lld s", seconds / 60, seconds % 60);
  return format("%lld h %lld min", seconds / 3600, seconds / 60 % 60);
}

Outcome<WallClock::time_point> parse_moment(std::string_view text, WallClock::time_point now, Edge edge) {
  if (text == "now") return now;
  std::string_view ago = text;
  if (ago.ends_with(" ago")) ago.remove_suffix(4);
  if (const auto duration = parse_duration(ago)) return now - *duration;
  if (const auto end = parse_expiry(text)) {
    const bool date = text.size() == std::string_view("2027-01-31").size();
    return date && edge == Edge::begin ? *end - std::chrono::days(1) : *end;
  }
  return Complaint{"expected a time such as 2027-01-31T12:00:00Z, a date, or so long ago: 2h, 30m, 7d; not ",
                   in_quotes(text)};
}

}  // namespace sallyport
