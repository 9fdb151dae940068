#include "policy/rule_index.hpp"

#include <algorithm>

namespace sallyport {
namespace {

// So many rules are looked at about as fast as the labels of one name are looked up.
constexpr std::size_t max_scanned = 16;

void add_once(std::vector<std::uint32_t>& places, std::uint32_t place) {
  if (places.empty() || places.back() != place) places.push_back(place);
}

}  // namespace

RuleIndex::RuleIndex(const std::vector<Rule>& rules) : indexed_(rules.size() > max_scanned) {
  if (!indexed_) return;
  for (std::size_t i = 0; i < rules.size(); ++i) add(static_cast<std::uint32_t>(i), rules[i].targets);
}

void RuleIndex::add(std::uint32_t place, const Targets& targets) {
  if (targets.has_any() || !targets.lists().empty()) {
    add_once(any_name_, place);
    add_once(any_address_, place);
  }
  for (const Pattern& pattern : targets.patterns()) {
    if (pattern.name() != nullptr) add_once(named_[pattern.name()->text()], place);
    if (pattern.block() != nullptr) add_once(any_address_, place);
  }
}

void RuleIndex::append(Places& found, std::string_view name) const {
  const auto places = named_.find(name);
  if (places != named_.end()) found.insert(found.end(), places->second.begin(), places->second.end());
}

RuleIndex::Places RuleIndex::candidates(const Host& host) const {
  if (host.name() == nullptr) return any_address_;
  Places found = any_name_;
  // The name itself and every parent: "*.parent" names what is below.
  std::string_view rest = host.name()->text();
  for (;;) {
    append(found, rest);
    const std::size_t dot = rest.find('.');
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace sallyport
