#include "dns/leases.hpp"

#include "dns/fresh_correlation.hpp"
#include "dns/lease_journal.hpp"

#include <array>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <unordered_map>
#include <utility>

namespace sallyport::dns {
namespace {

using Steady = std::chrono::steady_clock::time_point;

// The offset of an address in its block where it fits in 32 bits.
std::optional<std::uint32_t> offset_in(const Cidr& block, const Address& address) {
  if (address.is_v4() != block.base().is_v4() || !block.contains(address)) return std::nullopt;
  std::uint32_t offset = 0;
  const auto bytes = address.bytes();
  const auto base = block.base().bytes();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto difference = static_cast<std::uint8_t>(bytes[i] ^ base[i]);
    if (i + 4 < bytes.size()) {
      if (difference != 0) return std::nullopt;
    } else {
      offset = offset << 8U | difference;
    }
  }
  return offset;
}

// Host bits of a block's base are zero, so adding is or-ing.
Address address_at(const Cidr& block, std::uint32_t offset) {
  const auto base = block.base().bytes();
  std::array<std::uint8_t, 16> bytes{};
  std::copy(base.begin(), base.end(), bytes.begin());
  for (std::size_t i = 0; i < 4; ++i) {
    bytes[base.size() - 1 - i] = static_cast<std::uint8_t>(bytes[base.size() - 1 - i] | (offset >> (8 * i) & 0xFFU));
  }
  if (block.base().is_v4()) return Address::v4({bytes[0], bytes[1], bytes[2], bytes[3]});
  return Address::v6(bytes);
}

std::uint32_t usable_size(const LeaseOptions& options) {
  const unsigned bits4 = 32U - options.pool4.length();
  const unsigned bits6 = options.pool6.base().is_v4() ? 0 : 128U - options.pool6.length();
  if (!options.pool4.base().is_v4() || bits4 < 2 || bits4 > 24) {
    throw std::runtime_error("dns.pool4: expected an IPv4 block of /8 to /30 such as 198.18.0.0/15");
  }
  if (bits6 < bits4) {
    throw std::runtime_error(
        "dns.pool6: expected an IPv6 block at least as large as pool4, such as "
        "fd53:414c:4c59::/64");
  }
  return (1U << bits4) - 2U;  // neither the block's own nor its broadcast address
}

}  // namespace

std::string_view sentence(LeaseFault fault) {
  switch (fault) {
    case LeaseFault::foreign_lease:
      return "this synthetic address was given to another agent";
    case LeaseFault::unknown_lease:
      return "this synthetic address stands for no name; look the name up again";
    case LeaseFault::pool_exhausted:
      return "no synthetic address is free; try again later";
    case LeaseFault::too_many_names:
      return "this agent has looked up more names than it may hold at once";
    case LeaseFault::not_saved:
      return "the synthetic address could not be saved, so it was not given";
  }
  return "unknown fault of a synthetic address";
}

void throw_exception_from_error(LeaseFault fault, const boost::source_location&) {
  throw std::runtime_error(std::string(sentence(fault)));
}

LeaseOptions LeaseOptions::defaults() {
  std::array<std::uint8_t, 16> six{0xfd, 0x53, 0x41, 0x4c, 0x4c, 0x59};
  return {Cidr::make(Address::v4({198, 18, 0, 0}), 15).value(), Cidr::make(Address::v6(six), 64).value(), {}};
}

LeaseClock LeaseClock::real() {
  return {std::chrono::steady_clock::now, std::chrono::system_clock::now};
}

// An address goes leased → resting → forgotten. `used` and `rested` are in the order of `since`, so that ending leases
// costs nothing while none has ended.
struct LeaseTable::Impl {
  struct Entry {
    std::string agent;
    HostName name;
    std::string correlation;
    Steady since;  // last use while leased, the freeing while resting
    unsigned pins = 0;
    bool resting = false;
    std::list<std::uint32_t>::iterator place;  // in used or rested
  };
  struct Agent {
    std::unordered_map<std::string, std::uint32_t> names;
    std::size_t leased = 0;
  };

  Impl(LeaseOptions given, LeaseClock its_clock)
      : options(std::move(given)), clock(std::move(its_clock)), size(usable_size(options)) {
    next = static_cast<std::uint32_t>(std::random_device()() % size);
    if (options.file.empty()) return;
    journal.emplace(options.file);
    reload();
  }

  LeaseOptions options;
  LeaseClock clock;
  std::uint32_t size;  // addresses 1 to size
  mutable std::mutex mutex;
  std::unordered_map<std::uint32_t, Entry> entries;
  std::map<std::string, Agent, std::less<>> agents;
  std::list<std::uint32_t> used, rested;
  std::uint32_t next =
      0;  // the last address given; beginning anywhere, a lost file seldom gives old addresses new names
  std::optional<LeaseJournal> journal;
  std::size_t damaged = 0;

  Lease lease_of(std::uint32_t index, const Entry& entry) const {
    return {entry.name, address_at(options.pool4, index), address_at(options.pool6, index), entry.correlation};
  }

  std::int64_t wall_seconds() const {
    return std::chrono::duration_cast<std::chrono::seconds>(clock.wall().time_since_epoch()).count();
  }

  LeaseEntry saved_form(std::uint32_t index, const Entry& entry, std::int64_t seconds) const {
    const auto state = entry.resting ? LeaseEntry::State::freed : LeaseEntry::State::leased;
    return {state, index, seconds, entry.agent, entry.name.text(), entry.correlation};
  }

  void use(Entry& entry, Steady now) {
    entry.since = now;
    used.splice(used.end(), entry.resting ? rested : used, entry.place);
    if (entry.resting) ++agents.find(entry.agent)->second.leased;
    entry.resting = false;
  }

  void rest(Entry& entry, Steady now) {
    entry.since = now;
    entry.resting = true;
    rested.splice(rested.end(), used, entry.place);
    --agents.find(entry.agent)->second.leased;
  }

  void forget(std::uint32_t index) {
    const auto entry = entries.find(index);
    const auto agent = agents.find(entry->second.agent);
    agent->second.names.erase(entry->second.name.text());
    if (agent->second.names.empty()) agents.erase(agent);
    (entry->second.resting ? rested : used).erase(entry->second.place);
    entries.erase(entry);
  }

  // Frees what is idle, forgets what has rested. A freeing that can't be saved is no harm: after a restart the address
  // is leased again, and rests later.
  void expire(Steady now) {
    std::string lines;
    while (!used.empty()) {
      const std::uint32_t index = used.front();
      Entry& entry = entries.find(index)->second;
      if (now - entry.since < options.lease) break;
      if (entry.pins > 0) {
        use(entry, now);
        continue;
      }
      rest(entry, now);
      if (journal) lines += encode(saved_form(index, entry, wall_seconds()));
    }
    if (!lines.empty()) (void)journal->append(lines);
    while (!rested.empty() && now - entries.find(rested.front())->second.since >= options.rest) forget(rested.front());
  }

  std::optional<LeaseFault> room_for(std::string_view agent) const {
    const auto found = agents.find(agent);
    const std::size_t held = found == agents.end() ? 0 : found->second.names.size();
    const std::size_t leased = found == agents.end() ? 0 : found->second.leased;
    // Resting names count too, or an agent could take the whole pool by asking for new names all day.
    if (leased >= options.names_per_agent || held >= 2 * options.names_per_agent) return LeaseFault::too_many_names;
    if (entries.size() >= size) return LeaseFault::pool_exhausted;
    // The last quarter is for agents that hold less than their share.
    const std::size_t share = size / (agents.size() + 1);
    if (size - entries.size() <= size / 4 && agents.size() > 1 && held >= share) return LeaseFault::pool_exhausted;
    return std::nullopt;
  }

  std::uint32_t free_index() {
    do {
      next = next % size + 1;
    } while (entries.contains(next));
    return next;
  }

  Entry& insert(std::uint32_t index, LeaseEntry saved, HostName name, Steady now) {
    Agent& agent = agents[saved.agent];
    agent.names[name.text()] = index;
    ++agent.leased;
    used.push_back(index);
    const auto [place, inserted] =
        entries.emplace(index, Entry{std::move(saved.agent), std::move(name), std::move(saved.correlation), now, 0,
                                     false, std::prev(used.end())});
    return place->second;
  }

  Outcome<Lease, LeaseFault> lease(std::string_view agent, const HostName& name) {
    const Steady now = clock.now();
    const std::lock_guard lock(mutex);
    expire(now);
    if (const auto known = agents.find(agent); known != agents.end()) {
      if (const auto found = known->second.names.find(name.text()); found != known->second.names.end()) {
        Entry& entry = entries.find(found->second)->second;
        if (entry.resting && known->second.leased >= options.names_per_agent) return LeaseFault::too_many_names;
        return revived(found->second, entry, now);
      }
    }
    if (const auto fault = room_for(agent)) return *fault;
    const std::uint32_t index = free_index();
    LeaseEntry saved{LeaseEntry::State::leased, index,       wall_seconds(),
                     std::string(agent),        name.text(), fresh_correlation()};
    if (journal && !save(encode(saved))) return LeaseFault::not_saved;
    return lease_of(index, insert(index, std::move(saved), name, now));
  }

  // A resting lease that is used again must be saved as leased, or a restart would let its address go too early.
  Outcome<Lease, LeaseFault> revived(std::uint32_t index, Entry& entry, Steady now) {
    const bool rested_before = entry.resting;
    const Steady before = entry.since;
    use(entry, now);
    if (rested_before && journal && !save(encode(saved_form(index, entry, wall_seconds())))) {
      rest(entry, before);
      return LeaseFault::not_saved;
    }
    return lease_of(index, entry);
  }

  bool save(const std::string& line) {
    constexpr std::size_t line_estimate = 120;
    constexpr std::size_t smallest = 1U << 20U;
    if (journal->size() > smallest && journal->size() > 4 * line_estimate * (entries.size() + 1)) compact();
    return journal->append(line);
  }

  void compact() {
    const Steady now = clock.now();
    const std::int64_t wall = wall_seconds();
    std::string lines;
    for (const auto* order : {&rested, &used}) {
      for (const std::uint32_t index : *order) {
        const Entry& entry = entries.find(index)->second;
        const auto ago = std::chrono::duration_cast<std::chrono::seconds>(now - entry.since).count();
        lines += encode(saved_form(index, entry, wall - ago));
      }
    }
    (void)journal->rewrite(lines);
  }

  const Entry* at(std::uint32_t index) const {
    const auto found = entries.find(index);
    return found == entries.end() ? nullptr : &found->second;
  }

  std::optional<std::uint32_t> index_of(const Address& address) const {
    const Address plain = address.unmapped();
    return offset_in(plain.is_v4() ? options.pool4 : options.pool6, plain);
  }

  // The index where `address` is this agent's.
  Outcome<std::uint32_t, LeaseFault> own(std::string_view agent, const Address& address) const {
    const auto index = index_of(address);
    const Entry* entry = index ? at(*index) : nullptr;
    if (entry == nullptr) return LeaseFault::unknown_lease;
    if (entry->agent != agent) return LeaseFault::foreign_lease;
    return *index;
  }

  void reload();
};

// What was leased counts as just used: its clients may hold the address still. What was freed goes on resting.
void LeaseTable::Impl::reload() {
  auto loaded = journal->load();
  damaged = loaded.damaged;
  std::map<std::uint32_t, LeaseEntry> latest;
  for (auto& entry : loaded.entries) {
    if (entry.index == 0 || entry.index > size) continue;  // the pool was larger then
    next = entry.index;
    latest[entry.index] = std::move(entry);
  }
  const Steady now = clock.now();
  const std::int64_t wall = wall_seconds();
  std::multimap<Steady, std::uint32_t> freed;
  for (auto& [index, saved] : latest) {
    auto name = HostName::parse(saved.name);
    if (!name) {
      ++damaged;
      continue;
    }
    const bool rests = saved.state == LeaseEntry::State::freed;
    const std::chrono::seconds ago(std::max<std::int64_t>(0, wall - saved.seconds));
    if (rests && ago >= options.rest) continue;
    if (const auto known = agents.find(saved.agent);
        known != agents.end() && known->second.names.contains(name->text())) {
      continue;  // a name has one address; a later pool's line would make a second
    }
    insert(index, std::move(saved), *name, now);
    if (rests) freed.emplace(now - ago, index);
  }
  for (const auto& [since, index] : freed) rest(entries.find(index)->second, since);
  compact();
}

LeaseTable::LeaseTable(LeaseOptions options, LeaseClock clock)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(clock))) {}
LeaseTable::~LeaseTable() = default;

Outcome<Lease, LeaseFault> LeaseTable::lease(std::string_view agent, const HostName& name) {
  return impl_->lease(agent, name);
}

Outcome<Lease, LeaseFault> LeaseTable::find(std::string_view agent, const Address& address) {
  const std::lock_guard lock(impl_->mutex);
  const Steady now = impl_->clock.now();
  impl_->expire(now);
  const auto index = impl_->own(agent, address);
  if (!index) return index.error();
  return impl_->revived(*index, impl_->entries.find(*index)->second, now);
}

Outcome<Lease, LeaseFault> LeaseTable::peek(std::string_view agent, const Address& address) const {
  const std::lock_guard lock(impl_->mutex);
  const auto index = impl_->own(agent, address);
  if (!index) return index.error();
  return impl_->lease_of(*index, *impl_->at(*index));
}

LeasePin LeaseTable::pin(std::string_view agent, const Address& address) {
  const std::lock_guard lock(impl_->mutex);
  const auto index = impl_->own(agent, address);
  if (!index) return {};
  auto& entry = impl_->entries.find(*index)->second;
  if (!impl_->revived(*index, entry, impl_->clock.now())) return {};
  ++entry.pins;
  return {this, *index};
}

void LeaseTable::unpin(std::uint32_t index) {
  const std::lock_guard lock(impl_->mutex);
  auto& entry = impl_->entries.find(index)->second;
  --entry.pins;
  impl_->use(entry, impl_->clock.now());
}

bool LeaseTable::in_pool(const Address& address) const {
  const Address plain = address.unmapped();
  return impl_->options.pool4.contains(plain) || impl_->options.pool6.contains(plain);
}

LeaseTable::Counts LeaseTable::counts() const {
  const std::lock_guard lock(impl_->mutex);
  return {impl_->used.size(), impl_->rested.size(), impl_->size, impl_->damaged};
}

LeasePin::LeasePin(LeasePin&& other) noexcept
    : table_(std::exchange(other.table_, nullptr)), index_(std::exchange(other.index_, 0)) {}

LeasePin& LeasePin::operator=(LeasePin&& other) noexcept {
  std::swap(table_, other.table_);
  std::swap(index_, other.index_);
  return *this;
}

LeasePin::~LeasePin() {
  if (table_ != nullptr) table_->unpin(index_);
}

}  // namespace sallyport::dns
