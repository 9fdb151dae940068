// Field lines of HTTP/1 heads and trailers, and their small grammar (RFC 9110, 5; RFC 9112, 5).
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::wire {

struct Field {
  std::string name;   // as sent: a token
  std::string value;  // as sent, without white space around it; tabs and bytes above 0x7f may occur, other controls not
  friend bool operator==(const Field&, const Field&) = default;
};
using Fields = std::vector<Field>;

// A line without its CRLF. Nothing when the name is no token, anything stands between name and colon, the line is
// folded, or the value holds a control character.
std::optional<Field> parse_field_line(std::string_view line);

bool is_token(std::string_view text);
// ASCII case only.
bool equals_ignoring_case(std::string_view left, std::string_view right);
bool starts_ignoring_case(std::string_view text, std::string_view prefix);

// The first field of that name, or null.
const Field* find_field(const Fields& fields, std::string_view name);

// The elements of a list of tokens over all fields of that name, lower-cased; empty elements are skipped (RFC 9110,
// 5.6.1). Nothing when an element is no token; `extra` lists bytes that may stand in an element besides (`/` in
// Upgrade).
std::optional<std::vector<std::string>> list_of_tokens(const Fields& fields, std::string_view name,
                                                       std::string_view extra = {});

}  // namespace sallyport::wire
