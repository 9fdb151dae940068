#include "policy/expiry.hpp"

#include <algorithm>

namespace sallyport {
namespace {

// Takes exactly `digits` digits, then `after` (0: nothing), off the front.
std::optional<int> take_number(std::string_view& text, std::size_t digits, char after) {
  if (text.size() < digits + (after == 0 ? 0 : 1)) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  if (after != 0 && text[digits] != after) return std::nullopt;
  text.remove_prefix(digits + (after == 0 ? 0 : 1));
  return value;
}

std::optional<std::chrono::sys_days> take_date(std::string_view& text) {
  const auto year = take_number(text, 4, '-');
  const auto month = take_number(text, 2, '-');
  const auto day = take_number(text, 2, 0);
  if (!year || !month || !day || *year < 1970 || *year > 2200) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date);
}

void skip_fraction(std::string_view& text) {
  if (text.size() < 2 || text[0] != '.') return;
  const std::size_t end = text.find_first_not_of("0123456789", 1);
  if (end > 1) text.remove_prefix(std::min(end, text.size()));
}

std::optional<std::chrono::minutes> take_offset(std::string_view& text) {
  if (text == "Z" || text == "z") return std::chrono::minutes(0);
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const int sign = text[0] == '+' ? 1 : -1;
  text.remove_prefix(1);
  const auto hours = take_number(text, 2, ':');
  const auto minutes = take_number(text, 2, 0);
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  return std::chrono::minutes(sign * (*hours * 60 + *minutes));
}

std::optional<WallClock::time_point> parse(std::string_view text) {
  const auto date = take_date(text);
  if (!date) return std::nullopt;
  if (text.empty()) return WallClock::time_point(*date + std::chrono::days(1));
  if (text[0] != 'T' && text[0] != 't' && text[0] != ' ') return std::nullopt;
  text.remove_prefix(1);
  const auto hour = take_number(text, 2, ':');
  const auto minute = take_number(text, 2, ':');
  const auto second = take_number(text, 2, 0);
  if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  skip_fraction(text);
  const auto offset = take_offset(text);
  if (!offset) return std::nullopt;
  return WallClock::time_point(*date + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
                               std::chrono::seconds(*second) - *offset);
}

}  // namespace

Outcome<WallClock::time_point> parse_expiry(std::string_view text) {
  const auto moment = parse(text);
  if (!moment) return Complaint{"expected a date such as 2027-01-31 or a time such as 2027-01-31T12:00:00Z"};
  return *moment;
}

}  // namespace sallyport
