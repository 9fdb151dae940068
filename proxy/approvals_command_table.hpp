// Tables for a terminal.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

struct Column {
  std::string heading;
  std::size_t least = 0;  // may be cut, in its middle, to so many places; 0: never
};

struct TableRow {
  std::vector<std::string> cells;
  std::vector<std::string> below;  // lines of its own under the row
};

// What lies under one another. Nothing is cut where there is no width; the widest of those that may be is cut first.
std::string table_text(const std::vector<Column>& columns, const std::vector<TableRow>& rows,
                       std::optional<std::size_t> width);

// Places a text takes on a terminal; of what safe_text.hpp lets through.
std::size_t places_of(std::string_view text);
// At most so many places: the middle is left out, so that a host's end, which says whose it is, stays.
std::string cut_in_middle(std::string_view text, std::size_t places);
std::string cut_at_end(std::string_view text, std::size_t places);

// Of the terminal that standard output is; nullopt where it is none.
std::optional<std::size_t> output_width();
// Standard output is a terminal, and nobody asked for no colour.
bool output_has_colour();

}  // namespace sallyport
