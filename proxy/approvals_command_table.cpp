#include "proxy/approvals_command_table.hpp"

#include <sys/ioctl.h>

#include <algorithm>
#include <cstdlib>
#include <unistd.h>

namespace sallyport {
namespace {

constexpr std::string_view gap = "  ";
constexpr std::string_view ellipsis = "…";

// Bytes of the UTF-8 character at the front.
std::size_t character_size(std::string_view text) {
  std::size_t size = 1;
  while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xc0U) == 0x80) ++size;
  return size;
}

// East Asian and other wide characters begin at U+1100, which has a first byte of 0xe1 and more; to take a narrow one
// for wide only leaves a space.
std::size_t places_of_one(std::string_view character) {
  const auto first = static_cast<unsigned char>(character.front());
  return first >= 0xe1 && character != ellipsis ? 2 : 1;
}

std::vector<std::size_t> natural_widths(const std::vector<Column>& columns, const std::vector<TableRow>& rows) {
  std::vector<std::size_t> widths;
  widths.reserve(columns.size());
  for (const Column& column : columns) widths.push_back(places_of(column.heading));
  for (const TableRow& row : rows) {
    for (std::size_t at = 0; at < widths.size(); ++at) widths[at] = std::max(widths[at], places_of(row.cells[at]));
  }
  return widths;
}

void shrink(std::vector<std::size_t>& widths, const std::vector<Column>& columns, std::size_t width) {
  for (;;) {
    std::size_t total = gap.size() * (widths.size() - 1);
    for (const std::size_t each : widths) total += each;
    if (total <= width) return;
    std::size_t* widest = nullptr;
    for (std::size_t at = 0; at < widths.size(); ++at) {
      const bool may = columns[at].least != 0 && widths[at] > columns[at].least;
      if (may && (!widest || widths[at] > *widest)) widest = &widths[at];
    }
    if (!widest) return;
    --*widest;
  }
}

std::string line_of(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t at = 0; at < cells.size(); ++at) {
    const std::string cell = cut_in_middle(cells[at], widths[at]);
    line += cell;
    if (at + 1 == cells.size()) break;
    line.append(widths[at] - places_of(cell), ' ').append(gap);
  }
  const auto end = line.find_last_not_of(' ');
  return line.substr(0, end == std::string::npos ? 0 : end + 1) + '\n';
}

}  // namespace

std::size_t places_of(std::string_view text) {
  std::size_t places = 0;
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    places += places_of_one(text.substr(0, size));
    text.remove_prefix(size);
  }
  return places;
}

std::string cut_at_end(std::string_view text, std::size_t places) {
  if (places_of(text) <= places) return std::string(text);
  if (places == 0) return {};
  std::size_t used = 0;
  std::size_t end = 0;
  while (end < text.size()) {
    const auto character = text.substr(end, character_size(text.substr(end)));
    if (used + places_of_one(character) > places - 1) break;
    used += places_of_one(character);
    end += character.size();
  }
  return std::string(text.substr(0, end)).append(ellipsis);
}

std::string cut_in_middle(std::string_view text, std::size_t places) {
  if (places_of(text) <= places) return std::string(text);
  if (places < 4) return cut_at_end(text, places);
  const std::size_t head = places / 3;
  const std::string begin = cut_at_end(text, head);
  std::string_view tail = text;
  const std::size_t left = places - places_of(begin);
  while (places_of(tail) > left) tail.remove_prefix(character_size(tail));
  return begin + std::string(tail);
}

std::string table_text(const std::vector<Column>& columns, const std::vector<TableRow>& rows,
                       std::optional<std::size_t> width) {
  auto widths = natural_widths(columns, rows);
  if (width) shrink(widths, columns, *width);
  std::vector<std::string> headings;
  headings.reserve(columns.size());
  for (const Column& column : columns) headings.push_back(column.heading);
  std::string text = line_of(headings, widths);
  for (const TableRow& row : rows) {
    text += line_of(row.cells, widths);
    for (const std::string& line : row.below) text += (width ? cut_at_end(line, *width) : line) + '\n';
  }
  return text;
}

std::optional<std::size_t> output_width() {
  winsize size{};
  if (::isatty(STDOUT_FILENO) == 0 || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
    return std::nullopt;
  return size.ws_col;
}

bool output_has_colour() {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool wanted = !no_colour || !*no_colour;
  return wanted && ::isatty(STDOUT_FILENO) == 1 && terminal && std::string_view(terminal) != "dumb";
}

}  // namespace sallyport
