#include "proxy/wire/http_field.hpp"

#include <algorithm>

namespace sallyport::wire {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lowered(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), lower);
  return result;
}

bool is_token_char(char c) {
  if ((c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_value_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view white_space = " \t";
  const std::size_t first = text.find_first_not_of(white_space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(white_space) - first + 1);
}

bool add_elements(std::string_view value, std::string_view extra, std::vector<std::string>& elements) {
  while (true) {
    const std::size_t comma = value.find(',');
    const std::string_view element = trimmed(value.substr(0, comma));
    const auto fits = [extra](char c) { return is_token_char(c) || extra.find(c) != std::string_view::npos; };
    if (!std::all_of(element.begin(), element.end(), fits)) return false;
    if (!element.empty()) elements.push_back(lowered(element));
    if (comma == std::string_view::npos) return true;
    value.remove_prefix(comma + 1);
  }
}

}  // namespace

std::optional<Field> parse_field_line(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return std::nullopt;
  const std::string_view value = line.substr(colon + 1);
  if (!std::all_of(value.begin(), value.end(), is_value_char)) return std::nullopt;
  return Field{std::string(line.substr(0, colon)), std::string(trimmed(value))};
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

bool equals_ignoring_case(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

bool starts_ignoring_case(std::string_view text, std::string_view prefix) {
  return equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

const Field* find_field(const Fields& fields, std::string_view name) {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [name](const Field& field) { return equals_ignoring_case(field.name, name); });
  return found == fields.end() ? nullptr : &*found;
}

std::optional<std::vector<std::string>> list_of_tokens(const Fields& fields, std::string_view name,
                                                       std::string_view extra) {
  std::vector<std::string> elements;
  for (const Field& field : fields) {
    if (!equals_ignoring_case(field.name, name)) continue;
    if (!add_elements(field.value, extra, elements)) return std::nullopt;
  }
  return elements;
}

}  // namespace sallyport::wire
