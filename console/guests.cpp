#include "console/guests.hpp"

#include <algorithm>
#include <map>

namespace sallyport {
namespace {

bool is_loopback(const Address& address) {
  const auto bytes = address.bytes();
  if (address.is_v4()) return bytes[0] == 127;
  return bytes.back() == 1 && std::all_of(bytes.begin(), bytes.end() - 1, [](std::uint8_t byte) { return byte == 0; });
}

// The list is in the order in which they came.
template <class Is>
bool drop_oldest(std::list<Guest>& guests, Is is) {
  const auto found = std::find_if(guests.begin(), guests.end(), is);
  if (found == guests.end()) return false;
  found->dropped = true;
  found->session.close();
  return true;
}

}  // namespace

std::optional<Address> Guest::source_of(const AdminEntry& entry) {
  if (!entry.remote || is_loopback(entry.remote->unmapped())) return std::nullopt;
  const Address address = entry.remote->unmapped();
  if (address.is_v4()) return address;
  std::array<std::uint8_t, 16> bytes{};
  std::copy_n(address.bytes().begin(), 8, bytes.begin());
  return Address::v6(bytes);
}

bool make_place(std::list<Guest>& guests, const AdminLimits& limits, std::size_t door,
                const std::optional<Address>& source) {
  if (source) {
    std::map<Address, std::size_t> strangers;
    std::size_t all = 0;
    for (const Guest& guest : guests) {
      if (!guest.source || !guest.is_stranger()) continue;
      ++strangers[*guest.source];
      ++all;
    }
    const auto is_of = [](const Address& wanted) {
      return [wanted](const Guest& guest) { return guest.source == wanted && guest.is_stranger(); };
    };
    if (strangers[*source] >= limits.strangers_per_source) {
      drop_oldest(guests, is_of(*source));
    } else if (all >= limits.strangers) {
      const auto fewer = [](const auto& one, const auto& other) { return one.second < other.second; };
      const Address greediest = std::max_element(strangers.begin(), strangers.end(), fewer)->first;
      drop_oldest(guests, is_of(greediest));
    }
  }
  const auto open = static_cast<std::size_t>(std::count_if(
      guests.begin(), guests.end(), [door](const Guest& guest) { return guest.door == door && !guest.dropped; }));
  if (open < limits.connections) return true;
  return drop_oldest(guests, [door](const Guest& guest) { return guest.door == door && guest.is_stranger(); });
}

}  // namespace sallyport
