// Characters written by their numbers or names, as URLs, JSON, programs, HTML and mail write them.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace sallyport {

// One round: %41, %u0041, \u0041, \u{41}, \x41, \/, &#65;, &#x41; and HTML's five names, letters in any case; where the
// text has a word in mail's Q encoding (RFC 2047, 4.2), =41 as well. Characters beyond ASCII become UTF-8. Nothing: the
// text holds none.
std::optional<std::string> unescaped(std::string_view text);

// What an escape begins with.
constexpr bool is_escape(char c) {
  return c == '%' || c == '\\' || c == '&' || c == '=';
}

}  // namespace sallyport
