// Which rules of many may name a host, so that a decision does not look at each of them.
#pragma once
#include "policy/rule.hpp"

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sallyport {

// Of a vector of rules that lives longer, stays where it is and does not change.
class RuleIndex {
 public:
  RuleIndex() = default;
  explicit RuleIndex(const std::vector<Rule>& rules);

  // Calls visit(rule) in the order of the file for every rule that names `host`, and for some that do not.
  template <class Visit>
  void for_each(const std::vector<Rule>& rules, const Host& host, Visit visit) const {
    if (!indexed_) {
      for (const Rule& rule : rules) visit(rule);
      return;
    }
    for (const std::uint32_t at : candidates(host)) visit(rules[at]);
  }

 private:
  using Places = std::vector<std::uint32_t>;  // of rules, ascending

  Places candidates(const Host& host) const;
  void add(std::uint32_t place, const Targets& targets);
  void append(Places& found, std::string_view name) const;

  bool indexed_ = false;
  std::unordered_map<std::string_view, Places> named_;  // by the name of a pattern, whatever its kind
  Places any_name_;                                     // `any`, and lists: they have an index of their own
  Places any_address_;                                  // the same, and those with address blocks
};

}  // namespace sallyport
