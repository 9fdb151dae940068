// What a rule may name: a host, its subdomains, an address block, or anything.
#pragma once
#include "policy/address.hpp"
#include "policy/destination.hpp"
#include "policy/host_name.hpp"
#include "policy/result.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace sallyport {

enum class PatternKind {
  host,            // "host": exactly that name
  below,           // "*.host": its subdomains at any depth, not itself
  host_and_below,  // "**.host": both
  block,           // an address or a CIDR
  any,             // "any"
};

class Pattern {
 public:
  static Pattern any() { return Pattern(PatternKind::any, std::nullopt, std::nullopt); }
  // `kind` is one of the three kinds that have a name.
  static Pattern named(PatternKind kind, HostName name) { return Pattern(kind, std::move(name), std::nullopt); }
  // An IPv4-mapped block is taken as the IPv4 block it means, since a Host never is a mapped address.
  static Pattern of(const Cidr& block);

  PatternKind kind() const { return kind_; }
  bool is_wildcard() const { return kind_ == PatternKind::below || kind_ == PatternKind::host_and_below; }
  // The name without "*."; null for blocks and `any`.
  const HostName* name() const { return name_ ? &*name_ : nullptr; }
  // Null for all but blocks. A single address is a block of length 32 or 128.
  const Cidr* block() const { return block_ ? &*block_ : nullptr; }
  // The canonical spelling; parse_pattern() reads it back.
  std::string text() const;

  bool matches(const Host& host) const;
  // True where every host that `other` matches is matched here too.
  bool covers(const Pattern& other) const;

  friend auto operator<=>(const Pattern&, const Pattern&) = default;

 private:
  Pattern(PatternKind kind, std::optional<HostName> name, std::optional<Cidr> block)
      : kind_(kind), name_(std::move(name)), block_(block) {}
  PatternKind kind_;
  std::optional<HostName> name_;
  std::optional<Cidr> block_;
};

// Groups ("@x") are not patterns. Complaints say what to write instead. Public suffixes are not looked at here:
// check_wildcard() of public_suffix.hpp does that, because it depends on the use.
Outcome<Pattern> parse_pattern(std::string_view text);

}  // namespace sallyport
