#include "policy/targets.hpp"

#include <algorithm>

namespace sallyport {
namespace {

// Comparing so many patterns costs about as much as one look-up in a NameSet.
constexpr std::size_t max_scanned = 8;

Hit hit_of(PatternKind kind) {
  switch (kind) {
    case PatternKind::host:
      return Hit::exact;
    case PatternKind::below:
    case PatternKind::host_and_below:
      return Hit::wildcard;
    case PatternKind::block:
      return Hit::block;
    case PatternKind::any:
      return Hit::any;
  }
  return Hit::none;
}

// One address is as exact as a name.
Hit hit_of(const Pattern& pattern) {
  const Cidr* block = pattern.block();
  if (block != nullptr && block->length() == (block->base().is_v4() ? 32U : 128U)) return Hit::exact;
  return hit_of(pattern.kind());
}

Hit find_in(const NameSet& set, const Host& host) {
  const auto match = set.find(host);
  if (!match) return Hit::none;
  switch (*match) {
    case MatchKind::exact:
      return Hit::exact;
    case MatchKind::wildcard:
      return Hit::wildcard;
    case MatchKind::block:
      return Hit::block;
  }
  return Hit::none;
}

}  // namespace

Targets::Targets(std::vector<Pattern> patterns, std::vector<std::shared_ptr<const NameSet>> lists)
    : patterns_(std::move(patterns)), lists_(std::move(lists)) {
  std::sort(patterns_.begin(), patterns_.end());
  patterns_.erase(std::unique(patterns_.begin(), patterns_.end()), patterns_.end());
  std::sort(lists_.begin(), lists_.end());
  lists_.erase(std::unique(lists_.begin(), lists_.end()), lists_.end());
  any_ = std::find(patterns_.begin(), patterns_.end(), Pattern::any()) != patterns_.end();
  indexed_ = patterns_.size() > max_scanned;
  if (!indexed_) return;
  NameSet::Builder builder;
  for (const Pattern& pattern : patterns_) {
    if (pattern.kind() != PatternKind::any) builder.add(pattern);
  }
  index_ = std::move(builder).build();
}

Hit Targets::find(const Host& host) const {
  Hit best = any_ ? Hit::any : Hit::none;
  if (indexed_) {
    best = std::max(best, find_in(index_, host));
  } else {
    for (const Pattern& pattern : patterns_) {
      if (pattern.matches(host)) best = std::max(best, hit_of(pattern));
    }
  }
  for (const auto& list : lists_) {
    if (best == Hit::exact) break;
    best = std::max(best, find_in(*list, host));
  }
  return best;
}

std::optional<Cidr> Targets::block_of(const Address& address) const {
  std::optional<Cidr> narrowest;
  const auto consider = [&narrowest](const std::optional<Cidr>& block) {
    if (block && (!narrowest || block->length() > narrowest->length())) narrowest = block;
  };
  for (const Pattern& pattern : patterns_) {
    const Cidr* block = pattern.block();
    if (block != nullptr && block->contains(address)) consider(*block);
  }
  for (const auto& list : lists_) consider(list->block_of(address));
  return narrowest;
}

bool Targets::covers(const Pattern& pattern) const {
  if (std::any_of(patterns_.begin(), patterns_.end(), [&](const Pattern& mine) { return mine.covers(pattern); })) {
    return true;
  }
  if (pattern.kind() != PatternKind::host) return false;
  return std::any_of(lists_.begin(), lists_.end(),
                     [&](const auto& list) { return list->find(pattern.name()->text()).has_value(); });
}

bool Targets::covers(const Targets& other) const {
  if (any_) return true;
  const auto mine = [this](const auto& list) {
    return list->empty() || std::find(lists_.begin(), lists_.end(), list) != lists_.end();
  };
  // Groups of thousands are left to people: this is a warning, and it should not cost a minute.
  if (patterns_.size() * other.patterns_.size() > 100'000)
    return patterns_ == other.patterns_ && lists_ == other.lists_;
  return std::all_of(other.lists_.begin(), other.lists_.end(), mine) &&
         std::all_of(other.patterns_.begin(), other.patterns_.end(),
                     [this](const Pattern& pattern) { return covers(pattern); });
}

bool Targets::empty() const {
  return patterns_.empty() && std::all_of(lists_.begin(), lists_.end(), [](const auto& list) { return list->empty(); });
}

std::string Targets::text() const {
  constexpr std::size_t shown = 4;
  std::string result;
  for (std::size_t i = 0; i < patterns_.size() && i < shown; ++i) {
    result += (i == 0 ? "" : ", ") + patterns_[i].text();
  }
  if (patterns_.size() > shown) result += " and " + std::to_string(patterns_.size() - shown) + " more";
  for (const auto& list : lists_) {
    result += (result.empty() ? "" : ", ") + std::string("a list of ") + std::to_string(list->size());
  }
  return result.empty() ? "nothing" : result;
}

}  // namespace sallyport
