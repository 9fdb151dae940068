#include "proxy/wire/ja4.hpp"

#include <algorithm>
#include <string_view>

namespace sallyport::wire {
namespace {

constexpr char hex_digits[] = "0123456789abcdef";
constexpr std::uint16_t server_name = 0x0000;
constexpr std::uint16_t alpn = 0x0010;

std::string_view version_code(std::uint16_t version) {
  switch (version) {
    case 0x0304:
      return "13";
    case 0x0303:
      return "12";
    case 0x0302:
      return "11";
    case 0x0301:
      return "10";
    case 0x0300:
      return "s3";
    case 0x0002:
      return "s2";
    default:
      return "00";
  }
}

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// First and last character of the first protocol; of its hex form where one of them is no letter or digit.
std::string alpn_code(std::string_view protocol) {
  if (protocol.empty()) return "00";
  const char first = protocol.front();
  const char last = protocol.back();
  if (is_alphanumeric(first) && is_alphanumeric(last)) return {first, last};
  return {hex_digits[static_cast<unsigned char>(first) >> 4], hex_digits[static_cast<unsigned char>(last) & 0x0f]};
}

void append_count(std::string& text, std::size_t count) {
  const std::size_t shown = std::min<std::size_t>(count, 99);
  text += static_cast<char>('0' + shown / 10);
  text += static_cast<char>('0' + shown % 10);
}

std::string hex_list(const std::vector<std::uint16_t>& values) {
  std::string text;
  text.reserve(values.size() * 5);
  for (const std::uint16_t value : values) {
    if (!text.empty()) text += ',';
    for (int shift = 12; shift >= 0; shift -= 4) text += hex_digits[(value >> shift) & 0x0f];
  }
  return text;
}

}  // namespace

Ja4Raw ja4_raw(Ja4Input input) {
  std::erase_if(input.ciphers, is_grease);
  std::erase_if(input.extensions, is_grease);
  std::erase_if(input.signature_algorithms, is_grease);

  Ja4Raw raw;
  raw.a = 't';
  raw.a += version_code(input.version);
  raw.a += input.server_name ? 'd' : 'i';
  append_count(raw.a, input.ciphers.size());
  append_count(raw.a, input.extensions.size());
  raw.a += alpn_code(input.first_alpn);

  std::sort(input.ciphers.begin(), input.ciphers.end());
  raw.ciphers = hex_list(input.ciphers);

  std::erase_if(input.extensions, [](std::uint16_t type) { return type == server_name || type == alpn; });
  std::sort(input.extensions.begin(), input.extensions.end());
  raw.extensions = hex_list(input.extensions);
  if (!input.signature_algorithms.empty()) raw.extensions += '_' + hex_list(input.signature_algorithms);
  return raw;
}

}  // namespace sallyport::wire
