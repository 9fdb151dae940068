#include "policy/name_set.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace sallyport {
namespace {

constexpr std::size_t max_name = 253;
constexpr std::size_t head_bytes = 2;  // of a record: kinds, length

// How a name stands in the set; several at once are possible.
enum : std::uint8_t { exact_bit = 1, below_bit = 2, apex_bit = 4 };

std::uint8_t bits_of(PatternKind kind) {
  if (kind == PatternKind::host) return exact_bit;
  return kind == PatternKind::below ? below_bit : below_bit | apex_bit;
}

// From right to left, so that the hashes of all parents fall out on the way. `finish` spreads it over all bits.
constexpr std::uint64_t seed = 0x9e37'79b9'7f4a'7c15;
std::uint64_t step(std::uint64_t hash, char c) {
  return (hash ^ static_cast<unsigned char>(c)) * 0x0000'0100'0000'01b3;
}
std::uint64_t finish(std::uint64_t hash) {
  hash ^= hash >> 32;
  hash *= 0xd6e8'feb8'6659'fd93;
  return hash ^ (hash >> 32);
}

std::uint64_t hash_of(std::string_view name) {
  std::uint64_t hash = seed;
  for (std::size_t i = name.size(); i-- > 0;) hash = step(hash, name[i]);
  return finish(hash);
}

std::uint32_t tag_of(std::uint64_t hash) {
  return static_cast<std::uint32_t>(hash);
}
std::size_t home_of(std::uint64_t hash) {
  return static_cast<std::size_t>(hash >> 32);
}

}  // namespace

// The slot that holds `name`, or the free one where it would go. The table is never full.
std::size_t NameSet::slot_of(std::string_view name, std::uint64_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = home_of(hash) & mask;; i = (i + 1) & mask) {
    const Slot slot = slots_[i];
    if (slot.entry == 0) return i;
    if (slot.tag != tag_of(hash)) continue;
    const char* record = arena_.data() + slot.entry - 1;
    if (static_cast<unsigned char>(record[1]) != name.size()) continue;
    if (std::memcmp(record + head_bytes, name.data(), name.size()) == 0) return i;
  }
}

std::uint8_t NameSet::kinds_of(std::string_view name, std::uint64_t hash) const {
  const Slot slot = slots_[slot_of(name, hash)];
  return slot.entry == 0 ? std::uint8_t{0} : static_cast<std::uint8_t>(arena_[slot.entry - 1]);
}

std::optional<MatchKind> NameSet::find(std::string_view name) const {
  if (slots_.empty() || name.empty() || name.size() > max_name) return std::nullopt;
  bool wildcard = false;
  std::uint64_t hash = seed;
  for (std::size_t i = name.size(); i-- > 0;) {
    if (name[i] == '.' && has_wildcards_ && !wildcard) {
      wildcard = (kinds_of(name.substr(i + 1), finish(hash)) & below_bit) != 0;
    }
    hash = step(hash, name[i]);
  }
  const std::uint8_t kinds = kinds_of(name, finish(hash));
  if ((kinds & exact_bit) != 0) return MatchKind::exact;
  if (wildcard || (kinds & apex_bit) != 0) return MatchKind::wildcard;
  return std::nullopt;
}

std::optional<Cidr> NameSet::block_of(const Address& given) const {
  const Address address = given.unmapped();
  const auto after = std::upper_bound(blocks_.begin(), blocks_.end(), address,
                                      [](const Address& a, const Block& b) { return a < b.cidr.base(); });
  if (after == blocks_.begin()) return std::nullopt;
  auto at = static_cast<std::size_t>(after - blocks_.begin()) - 1;
  while (!blocks_[at].cidr.contains(address)) {
    if (blocks_[at].outer == at) return std::nullopt;
    at = blocks_[at].outer;
  }
  return blocks_[at].cidr;
}

std::optional<MatchKind> NameSet::find(const Address& address) const {
  const auto block = block_of(address);
  if (!block) return std::nullopt;
  return block->length() == (block->base().is_v4() ? 32U : 128U) ? MatchKind::exact : MatchKind::block;
}

std::optional<MatchKind> NameSet::find(const Host& host) const {
  return host.name() != nullptr ? find(std::string_view(host.name()->text())) : find(*host.address());
}

std::size_t NameSet::memory_bytes() const {
  return arena_.capacity() + slots_.capacity() * sizeof(Slot) + blocks_.capacity() * sizeof(Block);
}

void NameSet::Builder::reserve(std::size_t names, std::size_t bytes) {
  set_.arena_.reserve(std::min(bytes + names * head_bytes, max_bytes));
  // At most three quarters full.
  const std::size_t slots = std::bit_ceil(names + names / 3 + 1);
  while (set_.slots_.size() < slots) {
    if (set_.names_ == 0) {
      set_.slots_.assign(slots, Slot{});
    } else {
      grow();
    }
  }
}

void NameSet::Builder::grow() {
  const std::vector<Slot> old = std::move(set_.slots_);
  set_.slots_.assign(std::max<std::size_t>(16, old.size() * 2), Slot{});
  const std::size_t mask = set_.slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.entry == 0) continue;
    const char* record = set_.arena_.data() + slot.entry - 1;
    const std::string_view name(record + head_bytes, static_cast<unsigned char>(record[1]));
    std::size_t i = home_of(hash_of(name)) & mask;
    while (set_.slots_[i].entry != 0) i = (i + 1) & mask;
    set_.slots_[i] = slot;
  }
}

bool NameSet::Builder::add(const Pattern& pattern) {
  if (pattern.name() != nullptr) return add(pattern.kind(), pattern.name()->text());
  if (pattern.block() == nullptr) return false;
  cidrs_.push_back(*pattern.block());
  return true;
}

bool NameSet::Builder::add(PatternKind kind, std::string_view name) {
  if (name.empty() || name.size() > max_name) return false;
  if (set_.arena_.size() + head_bytes + name.size() > max_bytes) return false;
  if ((set_.names_ + 1) * 4 > set_.slots_.size() * 3) grow();
  const std::uint8_t bits = bits_of(kind);
  const std::uint64_t hash = hash_of(name);
  Slot& slot = set_.slots_[set_.slot_of(name, hash)];
  if ((bits & below_bit) != 0) set_.has_wildcards_ = true;
  if (slot.entry != 0) {
    char& kinds = set_.arena_[slot.entry - 1];
    kinds = static_cast<char>(kinds | bits);
    return true;
  }
  slot = {static_cast<std::uint32_t>(set_.arena_.size() + 1), tag_of(hash)};
  set_.arena_.push_back(static_cast<char>(bits));
  set_.arena_.push_back(static_cast<char>(name.size()));
  set_.arena_.insert(set_.arena_.end(), name.begin(), name.end());
  ++set_.names_;
  return true;
}

NameSet NameSet::Builder::build() && {
  // Cidr's order puts an outer block right before what it holds.
  std::sort(cidrs_.begin(), cidrs_.end());
  cidrs_.erase(std::unique(cidrs_.begin(), cidrs_.end()), cidrs_.end());
  set_.blocks_.reserve(cidrs_.size());
  for (const Cidr& cidr : cidrs_) {
    const std::size_t self = set_.blocks_.size();
    std::size_t outer = self;
    if (self > 0) {
      outer = self - 1;
      while (!set_.blocks_[outer].cidr.contains(cidr) && set_.blocks_[outer].outer != outer) {
        outer = set_.blocks_[outer].outer;
      }
      if (!set_.blocks_[outer].cidr.contains(cidr)) outer = self;
    }
    set_.blocks_.push_back({cidr, outer});
  }
  if (set_.names_ == 0) set_.slots_ = {};
  set_.arena_.shrink_to_fit();
  return std::move(set_);
}

}  // namespace sallyport
