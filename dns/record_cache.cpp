#include "dns/record_cache.hpp"

namespace sallyport::dns {

std::optional<Result<RecordAnswer>> RecordCache::find(const LookupKey& key, Clock::time_point now) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  const auto entry = found->second;
  if (entry->until <= now) {
    recent_.erase(entry);
    entries_.erase(found);
    return std::nullopt;
  }
  recent_.splice(recent_.begin(), recent_, entry);
  Result<RecordAnswer> answer = entry->answer;
  if (answer) answer->ttl = std::chrono::ceil<std::chrono::seconds>(entry->until - now);
  return answer;
}

void RecordCache::keep(const LookupKey& key, const Result<RecordAnswer>& answer, std::chrono::seconds ttl,
                       Clock::time_point now) {
  if (ttl <= std::chrono::seconds(0) || capacity_ == 0) return;
  if (const auto old = entries_.find(key); old != entries_.end()) {
    recent_.erase(old->second);
    entries_.erase(old);
  }
  if (entries_.size() >= capacity_) {
    entries_.erase(recent_.back().key);
    recent_.pop_back();
  }
  recent_.push_front({key, answer, now + ttl});
  entries_[key] = recent_.begin();
}

}  // namespace sallyport::dns
