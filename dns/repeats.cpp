#include "dns/repeats.hpp"

#include <functional>
#include <string>
#include <tuple>
#include <utility>

namespace sallyport::dns {
namespace {

std::size_t hash_of(const QueryRecord& record) {
  const std::hash<std::string> hash;
  const std::size_t question = hash(record.name) * 31 + static_cast<std::size_t>(record.type);
  return (question * 31 + hash(record.agent)) * 31 + hash(record.correlation);
}

// All that a record tells of but when, and from which port.
auto told(const QueryRecord& record) {
  return std::tie(record.name, record.type, record.agent, record.source, record.transport, record.rcode, record.answers,
                  record.verdict, record.decided_by, record.rule, record.reason, record.correlation, record.approval);
}

}  // namespace

bool Repeats::fold(const QueryRecord& record) {
  const std::size_t hash = hash_of(record);
  const auto found = seen_.find(hash);
  if (found == seen_.end()) {
    if (seen_.size() < most) seen_.emplace(hash, Seen{record});
    return false;
  }
  Seen& seen = found->second;
  if (told(seen.record) != told(record)) return false;
  if (seen.repeats == 0) {
    seen.record.time = record.time;
    seen.record.source_port = record.source_port;
  } else if (seen.record.source_port != record.source_port) {
    seen.record.source_port = 0;
  }
  ++seen.repeats;
  seen.last = record.time;
  return true;
}

std::vector<Repeats::Repeated> Repeats::take() {
  std::vector<Repeated> all;
  for (auto& [hash, seen] : std::exchange(seen_, {})) {
    if (seen.repeats > 0) all.push_back({std::move(seen.record), seen.repeats, seen.last});
  }
  return all;
}

}  // namespace sallyport::dns
