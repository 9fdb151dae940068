#include "telemetry/json_text.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace sallyport {
namespace {

constexpr char hex[] = "0123456789abcdef";

// A code point at the start of `text`; length 0 where the bytes are not UTF-8 (RFC 3629: no overlong forms, no
// surrogates, nothing above U+10FFFF).
struct CodePoint {
  std::uint32_t value = 0;
  std::size_t length = 0;
};

CodePoint read_code_point(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = at(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return {};
  std::uint32_t value = lead & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0U) != 0x80) return {};
    value = value << 6 | (at(i) & 0x3fU);
  }
  constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return {};
  return {value, length};
}

// Characters that a terminal, a line reader or an eye could take for something else.
bool is_deceptive(std::uint32_t value) {
  if (value < 0x20 || (value >= 0x7f && value <= 0x9f)) return true;
  if (value < 0x200b) return value == 0xad || value == 0x61c || value == 0x180e;
  return value <= 0x200f || (value >= 0x2028 && value <= 0x202e) || (value >= 0x2060 && value <= 0x206f) ||
         value == 0xfeff || (value >= 0xfff9 && value <= 0xfffb) || (value >= 0xe0000 && value <= 0xe007f);
}

void append_unit(std::string& out, std::uint32_t unit) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out.push_back(hex[unit >> shift & 0xfU]);
}

void append_escape(std::string& out, std::uint32_t value) {
  if (value <= 0xffff) return append_unit(out, value);
  append_unit(out, 0xd800 + ((value - 0x10000) >> 10));
  append_unit(out, 0xdc00 + ((value - 0x10000) & 0x3ff));
}

bool is_plain(unsigned char c) {
  return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

template <class T>
void append_number(std::string& out, T value) {
  char digits[std::numeric_limits<T>::digits10 + 3];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), value).ptr;
  out.append(digits, end);
}

}  // namespace

void append_json_string(std::string& out, std::string_view text, std::size_t limit) {
  out.push_back('"');
  const std::size_t full = out.size() + limit;
  std::size_t at = 0;
  while (at < text.size() && out.size() < full) {
    const std::size_t longest = std::min(text.size(), at + (full - out.size()));
    std::size_t plain = at;
    while (plain < longest && is_plain(static_cast<unsigned char>(text[plain]))) ++plain;
    out.append(text, at, plain - at);
    at = plain;
    if (at == longest) continue;
    const CodePoint point = read_code_point(text.substr(at));
    if (point.length == 0) {
      const auto byte = static_cast<unsigned char>(text[at]);
      out += "\\\\x";
      out.push_back(hex[byte >> 4]);
      out.push_back(hex[byte & 0xf]);
      ++at;
      continue;
    }
    if (is_deceptive(point.value)) {
      append_escape(out, point.value);
    } else {
      if (point.length == 1) out.push_back('\\');  // only a quote or a backslash comes here as one byte
      out.append(text, at, point.length);
    }
    at += point.length;
  }
  if (at < text.size()) {
    out += "...(+";
    append_number(out, text.size() - at);
    out += " bytes)";
  }
  out.push_back('"');
}

void JsonText::separate() {
  if (out_.size() == start_) return;
  const char last = out_.back();
  if (last != '{' && last != '[') out_.push_back(',');
}

void JsonText::name(std::string_view key) {
  separate();
  out_.push_back('"');
  out_ += key;
  out_ += "\":";
}

JsonText& JsonText::text(std::string_view key, std::string_view value, std::size_t limit) {
  name(key);
  append_json_string(out_, value, limit);
  return *this;
}

JsonText& JsonText::some(std::string_view key, std::string_view value, std::size_t limit) {
  return value.empty() ? *this : text(key, value, limit);
}

JsonText& JsonText::word(std::string_view key, std::string_view value) {
  name(key);
  out_.push_back('"');
  out_ += value;
  return put('"');
}

JsonText& JsonText::number(std::string_view key, std::int64_t value) {
  name(key);
  append_number(out_, value);
  return *this;
}

// OCSF's long_t is signed: what does not fit is its largest value.
JsonText& JsonText::count(std::string_view key, std::uint64_t value) {
  constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  name(key);
  append_number(out_, value < largest ? value : largest);
  return *this;
}

JsonText& JsonText::flag(std::string_view key, bool value) {
  name(key);
  out_ += value ? "true" : "false";
  return *this;
}

JsonText& JsonText::members(std::string_view written) {
  separate();
  out_ += written;
  return *this;
}

JsonText& JsonText::item(std::string_view value, std::size_t limit) {
  separate();
  append_json_string(out_, value, limit);
  return *this;
}

}  // namespace sallyport
