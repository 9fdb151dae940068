// Sizes, durations and near words: the scalars of yaml.hpp.
#include "policy/yaml.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <numeric>
#include <optional>

namespace sallyport {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array byte_units{Unit{"", 1},
                                Unit{"B", 1},
                                Unit{"KiB", 1ULL << 10U},
                                Unit{"MiB", 1ULL << 20U},
                                Unit{"GiB", 1ULL << 30U},
                                Unit{"TiB", 1ULL << 40U},
                                Unit{"kB", 1'000},
                                Unit{"MB", 1'000'000},
                                Unit{"GB", 1'000'000'000}};
constexpr std::array time_units{Unit{"ms", 1}, Unit{"s", 1'000}, Unit{"m", 60'000}, Unit{"h", 3'600'000},
                                Unit{"d", 86'400'000}};

// A whole number and one of `units`; nullopt where it is none or would not fit into `max`.
template <std::size_t N>
std::optional<std::uint64_t> number_with_unit(std::string_view text, const std::array<Unit, N>& units,
                                              std::uint64_t max) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view name(rest, static_cast<std::size_t>(end - rest));
  for (const Unit& unit : units) {
    if (unit.name == name) {
      return number > max / unit.factor ? std::nullopt : std::optional(number * unit.factor);
    }
  }
  return std::nullopt;
}

// Levenshtein's distance, one row at a time.
std::size_t distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), 0U);
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < to.size(); ++j) {
      const std::size_t changed = diagonal + (from[i] == to[j] ? 0U : 1U);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, changed});
    }
  }
  return row.back();
}

}  // namespace

Outcome<std::uint64_t> parse_bytes(std::string_view text) {
  const auto bytes = number_with_unit(text, byte_units, std::numeric_limits<std::int64_t>::max());
  if (!bytes) return Complaint{"expected a size such as 1048576, 64KiB, 200MiB or 20GiB"};
  return *bytes;
}

Outcome<std::chrono::milliseconds> parse_duration(std::string_view text) {
  // A hundred years: large enough for every use, small enough to be added to any clock.
  constexpr std::uint64_t max = 36'500ULL * 86'400'000ULL;
  const auto milliseconds = number_with_unit(text, time_units, max);
  if (!milliseconds) return Complaint{"expected a duration such as 300ms, 30s, 10m, 8h or 90d"};
  return std::chrono::milliseconds(static_cast<std::int64_t>(*milliseconds));
}

std::string nearest(std::string_view word, const std::vector<std::string_view>& known) {
  if (word.size() > 64) return {};
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, (word.size() + 2) / 3) + 1;
  for (const std::string_view candidate : known) {
    const std::size_t steps = distance(word, candidate);
    if (steps < best_distance) {
      best = candidate;
      best_distance = steps;
    }
  }
  return std::string(best);
}

}  // namespace sallyport
