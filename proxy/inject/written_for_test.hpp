// The ways in which a host may write a secret back.
#pragma once
#include "proxy/inject/base64.hpp"
#include "proxy/inject/query.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace sallyport {

inline std::string number_of(char c, unsigned base, std::size_t digits) {
  std::string text;
  for (auto value = static_cast<unsigned char>(c); value != 0 || text.size() < digits;
       value = static_cast<unsigned char>(value / base)) {
    text.insert(text.begin(), "0123456789abcdef"[value % base]);
  }
  return text;
}

template <class Write>
std::string each(std::string_view text, const Write& write) {
  std::string result;
  for (const char c : text) result += write(c);
  return result;
}

inline std::string in_upper(std::string_view text) {
  return each(text, [](char c) { return std::string(1, c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c); });
}

inline std::string in_lower(std::string_view text) {
  return each(text, [](char c) { return std::string(1, c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c); });
}

inline std::string in_hex(std::string_view text, std::string_view separator = "", std::string_view before = "") {
  std::string result;
  for (const char c : text) {
    if (!result.empty()) result += separator;
    result.append(before).append(number_of(c, 16, 2));
  }
  return result;
}

inline std::string url_base64(std::string_view text) {
  std::string result = to_base64(text);
  std::replace(result.begin(), result.end(), '+', '-');
  std::replace(result.begin(), result.end(), '/', '_');
  return result.substr(0, result.find('='));
}

inline std::string reversed(std::string_view text) {
  return {text.rbegin(), text.rend()};
}

struct Way {
  const char* name;
  std::string (*write)(std::string_view text);
};

// From each of them the text can be read again as it was, whatever is in it, but for the case of its letters.
inline constexpr std::array ways{
    Way{"as it is", [](std::string_view text) { return std::string(text); }},
    Way{"percent", percent_encode},
    Way{"percent, each byte", [](std::string_view text) { return in_hex(text, "", "%"); }},
    Way{"percent, twice", [](std::string_view text) { return percent_encode(in_hex(text, "", "%")); }},
    Way{"hex", [](std::string_view text) { return in_hex(text); }},
    Way{"hex in upper case", [](std::string_view text) { return in_upper(in_hex(text)); }},
    Way{"hex with colons", [](std::string_view text) { return in_hex(text, ":"); }},
    Way{"hex with spaces", [](std::string_view text) { return in_hex(text, " "); }},
    Way{"hex with hyphens", [](std::string_view text) { return in_hex(text, "-"); }},
    Way{"hex as numbers", [](std::string_view text) { return in_hex(text, ", ", "0x"); }},
    Way{"hex behind another digit", [](std::string_view text) { return "a" + in_hex(text); }},
    Way{"base64", to_base64},
    Way{"base64 of the URL's alphabet", url_base64},
    Way{"base64 behind a user", [](std::string_view text) { return "Basic " + to_base64("u:" + std::string(text)); }},
    Way{"base64 behind a scheme", [](std::string_view text) { return to_base64("Bearer " + std::string(text)); }},
    Way{"base64 behind other base64", [](std::string_view text) { return "/v1/x" + url_base64(text); }},
    Way{"base64 amid text", [](std::string_view text) { return to_base64("{\"a\":\"" + std::string(text) + "\"}"); }},
    Way{"JSON's escapes", [](std::string_view text) { return in_hex(text, "", "\\u00"); }},
    Way{"a program's escapes", [](std::string_view text) { return in_hex(text, "", "\\x"); }},
    Way{"HTML's decimal",
        [](std::string_view t) { return each(t, [](char c) { return "&#" + number_of(c, 10, 1) + ";"; }); }},
    Way{"HTML's hexadecimal",
        [](std::string_view t) { return each(t, [](char c) { return "&#x" + number_of(c, 16, 2) + ";"; }); }},
    Way{"mail's Q", [](std::string_view text) { return "=?utf-8?Q?" + in_hex(text, "", "=") + "?="; }},
    Way{"mail's B", [](std::string_view text) { return "=?utf-8?B?" + to_base64(text) + "?="; }},
    Way{"amid text", [](std::string_view text) { return "token=\"" + std::string(text) + "\"; x"; }},
};

}  // namespace sallyport
