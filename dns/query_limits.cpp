#include "dns/query_limits.hpp"

#include <algorithm>

namespace sallyport::dns {

bool NameBudget::charge(std::string_view agent, const HostName& name, unsigned limit, TimePoint now) {
  constexpr auto window = std::chrono::hours(1);
  const std::lock_guard lock(mutex_);
  auto found = agents_.find(agent);
  if (found == agents_.end()) found = agents_.emplace(std::string(agent), Names{{}, now}).first;
  Names& names = found->second;
  const auto known = names.seen.find(name.text());
  if (known != names.seen.end() && now - known->second < window) return true;
  // Sweeping costs as much as there are names, so it waits until it is needed and is done at most once a second.
  if (names.seen.size() >= limit && now - names.swept >= std::chrono::seconds(1)) {
    names.swept = now;
    std::erase_if(names.seen, [&](const auto& entry) { return now - entry.second >= window; });
  }
  if (names.seen.size() >= limit) return false;
  names.seen[name.text()] = now;
  return true;
}

void GivenAddresses::sweep(Addresses& addresses, TimePoint now, std::size_t capacity) {
  const auto last = [](const std::vector<Given>& given) {
    return std::max_element(given.begin(), given.end(),
                            [](const Given& a, const Given& b) { return a.until < b.until; })
        ->until;
  };
  std::erase_if(addresses, [&](const auto& entry) { return last(entry.second) <= now; });
  if (addresses.size() < capacity) return;
  const auto soonest = std::min_element(addresses.begin(), addresses.end(),
                                        [&](const auto& a, const auto& b) { return last(a.second) < last(b.second); });
  addresses.erase(soonest);
}

void GivenAddresses::give(std::string_view agent, const Address& address, const HostName& name, TimePoint now,
                          TimePoint until) {
  constexpr std::size_t names_per_address = 16;
  const std::lock_guard lock(mutex_);
  auto found = agents_.find(agent);
  if (found == agents_.end()) found = agents_.emplace(std::string(agent), Addresses{}).first;
  Addresses& addresses = found->second;
  if (addresses.size() >= capacity_ && !addresses.contains(address)) {
    sweep(addresses, now, capacity_);
  }
  auto& given = addresses[address];
  std::erase_if(given, [&](const Given& entry) { return entry.name == name; });
  if (given.size() >= names_per_address) given.pop_back();
  given.insert(given.begin(), Given{name, until});
}

bool GivenAddresses::was_given(std::string_view agent, const Address& address, TimePoint now) const {
  return !names(agent, address, now).empty();
}

std::vector<HostName> GivenAddresses::names(std::string_view agent, const Address& address, TimePoint now) const {
  std::vector<HostName> result;
  const std::lock_guard lock(mutex_);
  const auto found = agents_.find(agent);
  if (found == agents_.end()) return result;
  const auto given = found->second.find(address.unmapped());
  if (given == found->second.end()) return result;
  for (const Given& entry : given->second) {
    if (entry.until > now) result.push_back(entry.name);
  }
  return result;
}

}  // namespace sallyport::dns
