#include "proxy/inject/query.hpp"

#include "proxy/inject/hex.hpp"

#include <algorithm>

namespace sallyport {
namespace {

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

// As forms write it: "+" is a space.
std::string decoded(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto high = text[at] == '%' && at + 2 < text.size() ? hex_value(text[at + 1]) : std::nullopt;
    const auto low = high ? hex_value(text[at + 2]) : std::nullopt;
    if (low) {
      result += static_cast<char>(*high * 16U + *low);
      at += 2;
    } else {
      result += text[at] == '+' ? ' ' : text[at];
    }
  }
  return result;
}

}  // namespace

std::string percent_encode(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string result;
  for (const char c : text) {
    if (is_unreserved(c)) {
      result += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    result += '%';
    result += digits[byte >> 4U];
    result += digits[byte & 15U];
  }
  return result;
}

std::string with_parameter(std::string_view query, std::string_view name, std::string_view value) {
  std::string made = percent_encode(name) + "=" + percent_encode(value);
  if (query.empty()) return made;
  std::string result;
  bool is_first = true;
  bool is_there = false;
  const auto add = [&](std::string_view parameter) {
    if (!is_first) result += '&';
    is_first = false;
    result += parameter;
  };
  for (std::size_t at = 0; at <= query.size();) {
    const std::size_t end = std::min(query.find('&', at), query.size());
    const std::string_view parameter = query.substr(at, end - at);
    at = end + 1;
    if (decoded(parameter.substr(0, parameter.find('='))) != name) {
      add(parameter);
    } else if (!is_there) {
      add(made);
      is_there = true;
    }
  }
  if (!is_there) add(made);
  return result;
}

}  // namespace sallyport
