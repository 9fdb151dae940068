// Answers of upstreams, kept for their TTL. Not thread-safe.
#pragma once
#include "dns/resolver.hpp"

#include <list>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace sallyport::dns {

using LookupKey = std::pair<std::string, RecordType>;

class RecordCache {
 public:
  explicit RecordCache(std::size_t capacity) : capacity_(capacity) {}

  // With the TTL that is left.
  std::optional<Result<RecordAnswer>> find(const LookupKey& key, Clock::time_point now);
  // The least recently used one makes room. Nothing is kept for 0 seconds.
  void keep(const LookupKey& key, const Result<RecordAnswer>& answer, std::chrono::seconds ttl, Clock::time_point now);

 private:
  struct Entry {
    LookupKey key;
    Result<RecordAnswer> answer;
    Clock::time_point until;
  };
  std::size_t capacity_;
  std::list<Entry> recent_;  // latest first
  std::map<LookupKey, std::list<Entry>::iterator> entries_;
};

}  // namespace sallyport::dns
