// Many patterns, small and fast: what a list file or a long group becomes.
#pragma once
#include "policy/address.hpp"
#include "policy/destination.hpp"
#include "policy/pattern.hpp"
#include "policy/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

// exact: the name or address stands in the set. wildcard: a "*.parent" or "**.parent" does. block: a CIDR holds it.
// Where several match, the first of these.
enum class MatchKind { exact, wildcard, block };

// An immutable set of patterns other than `any`. One look-up is one pass over the name from right to left, and a probe
// per label.
class NameSet {
 public:
  class Builder;

  NameSet() = default;

  // `name` is a HostName's text. Nothing else matches anything.
  std::optional<MatchKind> find(std::string_view name) const;
  std::optional<MatchKind> find(const Address& address) const;
  std::optional<MatchKind> find(const Host& host) const;
  // The narrowest block or single address of the set around `address`.
  std::optional<Cidr> block_of(const Address& address) const;

  bool empty() const { return names_ == 0 && blocks_.empty(); }
  std::size_t size() const { return names_ + blocks_.size(); }
  std::size_t memory_bytes() const;

 private:
  // An open-addressing table. `entry` is 1 + the offset of a record in `arena_`, 0 for a free slot.
  struct Slot {
    std::uint32_t entry = 0;
    std::uint32_t tag = 0;  // the hash's low half: keeps nearly all misses out of the arena
  };
  // Blocks are nested or apart, so the narrowest one is found by one binary search and steps outwards.
  struct Block {
    Cidr cidr;
    std::size_t outer;  // index of the narrowest block around this one, or its own
  };
  static constexpr std::size_t max_bytes = 0xffff'0000;

  std::size_t slot_of(std::string_view name, std::uint64_t hash) const;
  std::uint8_t kinds_of(std::string_view name, std::uint64_t hash) const;

  std::vector<char> arena_;  // records: kinds, length, the name's bytes
  std::vector<Slot> slots_;  // a power of two, or empty
  std::vector<Block> blocks_;
  std::size_t names_ = 0;
  bool has_wildcards_ = false;
};

class NameSet::Builder {
 public:
  // Room for `names` names of `bytes` in all; more may come.
  void reserve(std::size_t names, std::size_t bytes);
  // False, and nothing added, for `any` and when the set is full (4 GiB of names).
  bool add(const Pattern& pattern);
  // The same for a name that is known to be canonical; `kind` is one of the three named kinds.
  bool add(PatternKind kind, std::string_view canonical_name);
  NameSet build() &&;

 private:
  void grow();
  NameSet set_;
  std::vector<Cidr> cidrs_;
};

// For what the list is used: decides which wildcards over public suffixes are errors.
enum class NameListUse {
  allow,                // also for `ask`: none over ICANN or private suffixes
  allow_public_suffix,  // with `public_suffix: true`: none over ICANN suffixes
  deny,                 // also for `except`: any
};

// A list file's bytes: one pattern a line, '#' starts a comment, LF or CRLF, a byte order mark is skipped. `file`
// stands in the complaint, which is the first: "file:line: what, and what to write instead". `any` and groups are
// errors.
Outcome<NameSet> read_name_list(std::string_view bytes, const std::string& file, NameListUse use);

}  // namespace sallyport
