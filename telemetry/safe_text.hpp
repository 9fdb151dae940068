// Text for a terminal: nothing that an agent supplied may move a cursor, colour a line or pass for our own words.
#pragma once
#include "policy/result.hpp"
#include "telemetry/event.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport {

// In double quotes, with quotes, backslashes, control and bidirectional characters and bytes that are no UTF-8
// escaped, and cut to about `limit` bytes.
std::string in_quotes(std::string_view text, std::size_t limit = 256);
// As it is where it is one plain word of letters, digits and "._:/@*+-", else quoted; "-" where it is empty.
std::string shown(std::string_view text, std::size_t limit = 256);
// A JSON text with every such character inside its strings written as an escape: the same value, fit for a terminal.
// What Sallyport wrote comes back unchanged.
std::string fit_for_terminal(std::string_view json);
// A field of a CSV file (RFC 4180) on one line: control characters are escaped, and a text that a spreadsheet would
// take for a formula, because it begins with = + - or @, gets an apostrophe before it.
std::string csv_field(std::string_view text);

// "2026-06-01T12:00:00Z"; with milliseconds where `precise`.
enum class Precise { no, yes };
std::string time_text(WallClock::time_point time, Precise precise = Precise::no);
// "812 B", "3.2 MiB"
std::string bytes_text(std::uint64_t bytes);
// "15 ms", "1.5 s", "2 min 3 s", "5 h 2 min"
std::string duration_text(std::chrono::milliseconds duration);

// A moment as people write it: RFC 3339, a date (UTC), "now", or so long ago: "2h" or "2h ago". A date means its first
// moment, or with Edge::end the first one after it.
enum class Edge { begin, end };
Outcome<WallClock::time_point> parse_moment(std::string_view text, WallClock::time_point now, Edge edge);

}  // namespace sallyport
