// A DNS host name in the one form that policy, resolver, dialler and log all use.
#pragma once
#include "policy/result.hpp"

#include <compare>
#include <string>
#include <string_view>

namespace sallyport {

// Lower-case IDNA A-labels (RFC 5890) without the trailing dot; 1 to 253 bytes, labels of 1 to 63 bytes of
// [a-z0-9_-]. Never something that looks like a number (RFC 3986 dotted quad, octal, hex or short forms).
class HostName {
 public:
  // From a client (SNI, Host, CONNECT, SOCKS, DNS) or a person. Folds ASCII case, strips exactly one trailing dot, maps
  // U-labels (UTF-8) to A-labels by UTS 46; refuses NUL, controls, percent signs, empty labels, names that IDNA does
  // not round-trip, and names that would become an address.
  static Outcome<HostName> parse(std::string_view text);

  const std::string& text() const { return text_; }
  // True for "a.b.c" under "b.c" or "c"; false for the name itself.
  bool is_below(std::string_view parent) const;

  friend auto operator<=>(const HostName&, const HostName&) = default;

 private:
  explicit HostName(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// True only for text that HostName::parse() would give back unchanged; false for some such text too ("xn--" names).
// Cheap enough for a million names.
bool is_plainly_canonical(std::string_view text);

}  // namespace sallyport
