// What a rule names, expanded: few patterns are scanned, many stand in a NameSet.
#pragma once
#include "policy/name_set.hpp"
#include "policy/pattern.hpp"

#include <memory>
#include <string>
#include <vector>

namespace sallyport {

// How a host was named; a later value is closer.
enum class Hit { none, any, block, wildcard, exact };

class Targets {
 public:
  Targets() = default;
  // `lists` are shared between the rules that name the same file.
  Targets(std::vector<Pattern> patterns, std::vector<std::shared_ptr<const NameSet>> lists);

  // The closest way in which the host is named.
  Hit find(const Host& host) const;
  // The narrowest address block around the address; `any` names none.
  std::optional<Cidr> block_of(const Address& address) const;
  // True where everything in `other` is surely named here too (lists only by identity or by a broader pattern).
  bool covers(const Targets& other) const;
  bool empty() const;
  bool has_any() const { return any_; }
  const std::vector<Pattern>& patterns() const { return patterns_; }
  const std::vector<std::shared_ptr<const NameSet>>& lists() const { return lists_; }
  // "a, b and 3 more", for people.
  std::string text() const;

 private:
  bool covers(const Pattern& pattern) const;

  bool any_ = false;
  std::vector<Pattern> patterns_;  // sorted, each once
  NameSet index_;                  // of patterns_, where they are too many to scan
  bool indexed_ = false;
  std::vector<std::shared_ptr<const NameSet>> lists_;
};

}  // namespace sallyport
