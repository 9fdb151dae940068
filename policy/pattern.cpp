#include "policy/pattern.hpp"

#include <algorithm>

namespace sallyport {
namespace {

constexpr std::string_view digits = "0123456789";

// The user's own words in a message, without what could confuse a terminal or a log.
std::string quoted(std::string_view text) {
  constexpr std::size_t longest = 80;
  std::string result = "\"";
  for (const char c : text.substr(0, longest)) {
    result += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  }
  return result + (text.size() > longest ? "…\"" : "\"");
}

Complaint complain_of(std::string_view text, const std::string& what) {
  return Complaint{quoted(text) + ": " + what};
}

// "https://user@host:443/path" gives "host", for the message.
std::string_view host_of_url(std::string_view url) {
  url.remove_prefix(url.find("://") + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  if (const auto at = url.rfind('@'); at != url.npos) url.remove_prefix(at + 1);
  if (url.starts_with('[')) return url.substr(1, url.find(']') - 1);
  return url.substr(0, url.find(':'));
}

bool ends_in_port(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == text.npos || colon == 0 || colon + 1 == text.size()) return false;
  const bool one_colon = text.find(':') == colon;
  return (one_colon || text[colon - 1] == ']') && text.find_first_not_of(digits, colon + 1) == text.npos;
}

// What people write that is not a pattern, and what they mean by it.
std::optional<Complaint> known_mistake(std::string_view text) {
  if (text.empty()) return Complaint{"a pattern is empty; write a host, *.host, **.host, an address, a CIDR or any"};
  if (text == "*" || text == "**") return complain_of(text, "write any for every host");
  if (text.starts_with('@')) return complain_of(text, "a group cannot stand here");
  if (text.find("://") != text.npos) {
    return complain_of(text, "a pattern is a host, not a URL; write " + quoted(host_of_url(text)));
  }
  if (text.starts_with('.')) {
    const std::string host(text.substr(1));
    return complain_of(text, "write \"*." + host + "\" for its subdomains, or \"**." + host + "\" for itself too");
  }
  if (ends_in_port(text)) {
    const auto colon = text.rfind(':');
    return complain_of(text, "a pattern has no port; write " + quoted(text.substr(0, colon)) + " and ports: [" +
                                 std::string(text.substr(colon + 1)) + "]");
  }
  if (text.starts_with('[')) return complain_of(text, "write an IPv6 address without brackets");
  return std::nullopt;
}

Outcome<Pattern> parse_block(std::string_view text) {
  const auto block = Cidr::parse(text);
  if (!block) return complain_of(text, block.error().text);
  return Pattern::of(*block);
}

Outcome<Pattern> parse_named(PatternKind kind, std::string_view host, std::string_view whole) {
  if (host.find('*') != host.npos) {
    return complain_of(whole, "a wildcard stands only for whole labels at the front; write \"*.host\" or \"**.host\"");
  }
  if (Address::parse(host)) return complain_of(whole, "an address has no subdomains; write a CIDR such as 10.0.0.0/8");
  auto name = HostName::parse(host);
  if (!name) return complain_of(whole, name.error().text);
  // Its text would read as the keyword.
  if (kind == PatternKind::host && name->text() == "any") return complain_of(whole, "write any for every host");
  return Pattern::named(kind, std::move(*name));
}

bool looks_like_block(std::string_view text) {
  const auto slash = text.find('/');
  if (slash != text.npos) return Address::parse(text.substr(0, slash)).has_value();
  return text.find(':') != text.npos || Address::parse(text).has_value();
}

}  // namespace

Pattern Pattern::of(const Cidr& block) {
  const Address inner = block.base().unmapped();
  if (block.base().is_v4() || !inner.is_v4() || block.length() < 96) {
    return Pattern(PatternKind::block, std::nullopt, block);
  }
  return Pattern(PatternKind::block, std::nullopt, *Cidr::make(inner, block.length() - 96));
}

std::string Pattern::text() const {
  switch (kind_) {
    case PatternKind::host:
      return name_->text();
    case PatternKind::below:
      return "*." + name_->text();
    case PatternKind::host_and_below:
      return "**." + name_->text();
    case PatternKind::block:
      return block_->text();
    case PatternKind::any:
      break;
  }
  return "any";
}

bool Pattern::matches(const Host& host) const {
  if (kind_ == PatternKind::any) return true;
  if (kind_ == PatternKind::block) return host.address() != nullptr && block_->contains(*host.address());
  if (host.name() == nullptr) return false;
  if (kind_ != PatternKind::below && *host.name() == *name_) return true;
  return is_wildcard() && host.name()->is_below(name_->text());
}

bool Pattern::covers(const Pattern& other) const {
  if (kind_ == PatternKind::any) return true;
  if (kind_ == PatternKind::block) return other.block_ && block_->contains(*other.block_);
  if (!other.name_) return false;
  if (!is_wildcard()) return *this == other;
  if (other.name_->is_below(name_->text())) return true;
  if (*other.name_ != *name_) return false;
  return kind_ == PatternKind::host_and_below || other.kind_ == PatternKind::below;
}

Outcome<Pattern> parse_pattern(std::string_view text) {
  if (text == "any") return Pattern::any();
  if (auto mistake = known_mistake(text)) return *std::move(mistake);
  if (text.starts_with("**.")) return parse_named(PatternKind::host_and_below, text.substr(3), text);
  if (text.starts_with("*.")) return parse_named(PatternKind::below, text.substr(2), text);
  if (looks_like_block(text)) return parse_block(text);
  if (text.find('/') != text.npos) {
    return complain_of(text, "a pattern has no path; write " + quoted(text.substr(0, text.find('/'))) + " and paths:");
  }
  return parse_named(PatternKind::host, text, text);
}

}  // namespace sallyport
