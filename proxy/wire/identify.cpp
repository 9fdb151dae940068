#include "proxy/wire/identify.hpp"

#include "proxy/wire/http_field.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace sallyport::wire {
namespace {

constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\n";
constexpr std::string_view ssh = "SSH-";
constexpr std::size_t longest_method = 32;
constexpr std::array<std::string_view, 9> methods{"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                                  "CONNECT", "OPTIONS", "TRACE", "PATCH"};

bool could_become(std::string_view text, std::string_view whole) {
  return text.size() < whole.size() && whole.substr(0, text.size()) == text;
}

// A token the registry may know, or a word of another protocol ("EHLO you"): the rest of the line tells.
FirstBytes identify_by_line(std::string_view text, std::string_view rest) {
  if (rest.empty()) return FirstBytes::need_more;
  if (rest.front() == '/') return FirstBytes::http;
  const std::size_t end = text.substr(0, identify_limit).find('\n');
  if (end == std::string_view::npos) return text.size() < identify_limit ? FirstBytes::need_more : FirstBytes::other;
  return text.substr(0, end).find(" HTTP/") != std::string_view::npos ? FirstBytes::http : FirstBytes::other;
}

FirstBytes identify_text(std::string_view text) {
  if (text.starts_with(preface)) return FirstBytes::h2_preface;
  if (text.starts_with(ssh)) return FirstBytes::ssh;
  if (could_become(text, preface) || could_become(text, ssh)) return FirstBytes::need_more;

  const std::size_t space = text.substr(0, longest_method + 1).find(' ');
  const std::string_view word = text.substr(0, std::min(space, longest_method));
  if (!is_token(word)) return FirstBytes::other;
  if (space == std::string_view::npos) return text.size() > longest_method ? FirstBytes::other : FirstBytes::need_more;
  if (std::find(methods.begin(), methods.end(), word) != methods.end()) return FirstBytes::http;
  return identify_by_line(text, text.substr(space + 1));
}

}  // namespace

FirstBytes identify(std::span<const std::uint8_t> prefix) {
  if (prefix.empty()) return FirstBytes::need_more;
  switch (prefix[0]) {
    case 0x04:
      return FirstBytes::socks4;
    case 0x05:
      return FirstBytes::socks5;
    case 0x16:
      if (prefix.size() < 2) return FirstBytes::need_more;
      return prefix[1] == 3 ? FirstBytes::tls : FirstBytes::other;
    default:
      return identify_text({reinterpret_cast<const char*>(prefix.data()), prefix.size()});
  }
}

}  // namespace sallyport::wire
