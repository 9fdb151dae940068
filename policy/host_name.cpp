#include "policy/host_name.hpp"

#include <idn2.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

namespace sallyport {
namespace {

constexpr std::size_t max_name = 253;
constexpr std::size_t max_label = 63;
// A U-label is at most 63 A-label bytes; four UTF-8 bytes a character leave room for what UTS 46 maps to nothing.
constexpr std::size_t max_input = 1024;
constexpr int idna_flags = IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL;

struct IdnFree {
  void operator()(char* text) const { idn2_free(text); }
};
using IdnText = std::unique_ptr<char, IdnFree>;

bool is_ascii(char c) {
  return static_cast<unsigned char>(c) < 0x80;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f');
}
bool is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
}
char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// What WHATWG URL calls "ends in a number": some resolver would read such a name as an address.
bool is_number(std::string_view label) {
  if (label.starts_with("0x")) return std::all_of(label.begin() + 2, label.end(), is_hex);
  return !label.empty() && std::all_of(label.begin(), label.end(), is_digit);
}

const char* fault_of_byte(char c) {
  if (c == '%') return "a host name has no percent signs; write it decoded";
  if (c == '\0') return "a host name has no NUL bytes";
  if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) return "a host name has no spaces or control characters";
  if (c == '@') return "a host name has no \"user@\" part; write the host alone";
  return "a host name has only letters, digits, '-', '_' and dots; write the host alone";
}

std::optional<std::string> to_a_label(const std::string& label) {
  char* raw = nullptr;
  const int status = idn2_to_ascii_8z(label.c_str(), &raw, idna_flags);
  const IdnText owner(raw);
  if (status != IDN2_OK || raw == nullptr) return std::nullopt;
  return std::string(raw);
}

// An A-label that another spelling would not lead to could be seen as two names by two programs.
bool round_trips(const std::string& a_label) {
  char* raw = nullptr;
  const int status = idn2_to_unicode_8z8z(a_label.c_str(), &raw, 0);
  const IdnText owner(raw);
  if (status != IDN2_OK || raw == nullptr) return false;
  const std::string u_label(raw);
  if (std::all_of(u_label.begin(), u_label.end(), is_ascii)) return false;
  return to_a_label(u_label) == a_label;
}

// RFC 3490 section 3.1: U+3002, U+FF0E and U+FF61 are dots too.
std::string with_ascii_dots(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view three = text.substr(i, 3);
    if (three == "\xe3\x80\x82" || three == "\xef\xbc\x8e" || three == "\xef\xbd\xa1") {
      result += '.';
      i += 2;
    } else {
      result += to_lower(text[i]);
    }
  }
  return result;
}

std::vector<std::string> split_labels(std::string_view text) {
  std::vector<std::string> labels;
  for (;;) {
    const std::size_t dot = text.find('.');
    labels.emplace_back(text.substr(0, dot));
    if (dot == std::string_view::npos) return labels;
    text.remove_prefix(dot + 1);
  }
}

// One label, already in lower case where it is ASCII. The IDNA library sees single labels only: so it decides nothing
// about dots, and ASCII labels such as "r3---sn-x" or "_dmarc" never meet its rules.
Outcome<std::string> canonical_label(std::string label) {
  if (label.empty()) return Complaint{"a host name has no empty labels; remove the extra dot"};
  if (!std::all_of(label.begin(), label.end(), is_ascii)) {
    auto mapped = to_a_label(label);
    if (!mapped) return Complaint{"this is no valid international name (IDNA); write its xn-- form"};
    label = std::move(*mapped);
    if (label.empty()) return Complaint{"a host name has no labels of invisible characters"};
  }
  for (const char c : label) {
    if (!is_name_byte(c)) return Complaint{fault_of_byte(c)};
  }
  if (label.size() > max_label) return Complaint{"a label of a host name has at most 63 bytes"};
  if (label.starts_with("xn--") && !round_trips(label)) {
    return Complaint{"this xn-- label is not what its decoded form encodes to; write the name in Unicode"};
  }
  return label;
}

}  // namespace

bool is_plainly_canonical(std::string_view text) {
  if (text.empty() || text.size() > max_name) return false;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] != '.') {
      if (!is_name_byte(text[i])) return false;
      continue;
    }
    const std::string_view label = text.substr(start, i - start);
    if (label.empty() || label.size() > max_label || label.starts_with("xn--")) return false;
    if (i < text.size()) start = i + 1;
  }
  return !is_number(text.substr(start));
}

Outcome<HostName> HostName::parse(std::string_view text) {
  if (is_plainly_canonical(text)) return HostName(std::string(text));
  if (text.empty()) return Complaint{"the host name is empty"};
  if (text.size() > max_input) return Complaint{"a host name has at most 253 bytes"};
  for (const char c : text) {
    if (is_ascii(c) && c != '.' && !is_name_byte(to_lower(c))) return Complaint{fault_of_byte(c)};
  }
  std::string dotted = with_ascii_dots(text);
  if (dotted.back() == '.') dotted.pop_back();

  std::string name;
  std::string last;
  for (auto& label : split_labels(dotted)) {
    auto canonical = canonical_label(std::move(label));
    if (!canonical) return canonical.error();
    last = *canonical;
    if (!name.empty()) name += '.';
    name += last;
  }
  if (name.size() > max_name) return Complaint{"a host name has at most 253 bytes"};
  if (is_number(last)) {
    return Complaint{"this looks like a number; an address is written as four decimal numbers without leading zeros"};
  }
  return HostName(std::move(name));
}

bool HostName::is_below(std::string_view parent) const {
  if (parent.empty() || text_.size() < parent.size() + 2) return false;
  return std::string_view(text_).ends_with(parent) && text_[text_.size() - parent.size() - 1] == '.';
}

}  // namespace sallyport
