#include "proxy/inject/unescape.hpp"

#include "proxy/inject/hex.hpp"
#include "proxy/wire/http_field.hpp"

#include <array>
#include <cstdint>

namespace sallyport {
namespace {

// What stands at the start of a text, and how many characters it takes.
struct Escape {
  std::uint32_t code = 0;
  std::size_t size = 0;
};

std::optional<unsigned> digit(char c, unsigned base) {
  const auto value = hex_value(c);
  return value && *value < base ? value : std::nullopt;
}

// Digits from `from` on, `least` to `most` of them; the size is up to their end.
std::optional<Escape> number(std::string_view text, std::size_t from, unsigned base, std::size_t least,
                             std::size_t most) {
  Escape found{0, from};
  while (found.size < text.size() && found.size < from + most) {
    const auto value = digit(text[found.size], base);
    if (!value) break;
    found.code = found.code * base + *value;
    ++found.size;
  }
  if (found.size < from + least) return std::nullopt;
  return found;
}

bool is_letter(std::string_view text, std::size_t at, char lower) {
  return at < text.size() && (text[at] == lower || text[at] == lower - 'a' + 'A');
}

std::optional<Escape> closed(std::string_view text, std::optional<Escape> found, char by) {
  if (!found || found->size >= text.size() || text[found->size] != by) return std::nullopt;
  ++found->size;
  return found;
}

std::optional<Escape> percent(std::string_view text) {
  return is_letter(text, 1, 'u') ? number(text, 2, 16, 4, 4) : number(text, 1, 16, 2, 2);
}

std::optional<Escape> backslash(std::string_view text) {
  if (is_letter(text, 1, 'x')) return number(text, 2, 16, 2, 2);
  if (is_letter(text, 1, 'u')) {
    return text.substr(2).starts_with('{') ? closed(text, number(text, 3, 16, 1, 6), '}') : number(text, 2, 16, 4, 4);
  }
  if (text.size() < 2 || std::string_view("\\/\"'").find(text[1]) == std::string_view::npos) return std::nullopt;
  return Escape{static_cast<std::uint32_t>(text[1]), 2};
}

std::optional<Escape> ampersand(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, char>, 5> names{
      {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}}};
  for (const auto& [name, character] : names) {
    if (wire::starts_ignoring_case(text, name)) return Escape{static_cast<std::uint32_t>(character), name.size()};
  }
  if (!text.substr(1).starts_with('#')) return std::nullopt;
  auto found = is_letter(text, 2, 'x') ? number(text, 3, 16, 1, 7) : number(text, 2, 10, 1, 7);
  if (auto ended = closed(text, found, ';')) return ended;
  return found;
}

std::optional<Escape> escape_at(std::string_view text, bool in_mail) {
  switch (text.front()) {
    case '%':
      return percent(text);
    case '\\':
      return backslash(text);
    case '&':
      return ampersand(text);
    case '=':
      return in_mail ? number(text, 1, 16, 2, 2) : std::nullopt;
    default:
      return std::nullopt;
  }
}

void append_utf8(std::string& text, std::uint32_t code) {
  const auto byte = [&](std::uint32_t value) { text += static_cast<char>(value); };
  const auto more = [&](unsigned shift) { byte(0x80U | (code >> shift & 0x3fU)); };
  if (code < 0x80U) return byte(code);
  if (code < 0x800U) {
    byte(0xc0U | code >> 6U);
  } else if (code < 0x10000U) {
    byte(0xe0U | code >> 12U);
    more(6);
  } else {
    byte(0xf0U | (code >> 18U & 7U));
    more(12);
    more(6);
  }
  more(0);
}

bool has_mail_word(std::string_view text) {
  return text.find("?Q?") != std::string_view::npos || text.find("?q?") != std::string_view::npos;
}

}  // namespace

std::optional<std::string> unescaped(std::string_view text) {
  const bool in_mail = has_mail_word(text);
  std::string result;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto escape = is_escape(text[at]) ? escape_at(text.substr(at), in_mail) : std::nullopt;
    if (!escape) {
      ++at;
      continue;
    }
    result.append(text.substr(done, at - done));
    // A byte, or a character that has a number.
    const bool is_byte = (text[at] == '%' && !is_letter(text, at + 1, 'u')) || text[at] == '=';
    if (is_byte) {
      result += static_cast<char>(escape->code);
    } else {
      append_utf8(result, escape->code);
    }
    done = at += escape->size;
  }
  if (done == 0) return std::nullopt;
  result.append(text.substr(done));
  return result;
}

}  // namespace sallyport
