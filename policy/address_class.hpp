// The guard's knowledge of addresses: what is not globally reachable (IANA special-purpose registries).
#pragma once
#include "policy/address.hpp"

#include <optional>
#include <span>
#include <string_view>

namespace sallyport {

// Which door of the guard an address needs.
enum class AddressClass {
  global,    // reachable for any allowed name
  private_,  // RFC 1918, CGNAT, ULA: `private: true`, or the exact address, or a CIDR inside that block
  special,   // every other special-purpose block: the exact address or a CIDR inside that block
  metadata,  // cloud metadata services: the exact address only
  loopback,  // never, but by host.sallyport.internal
};

struct AddressKind {
  AddressClass kind = AddressClass::special;
  std::string_view block;     // "10.0.0.0/8 (RFC 1918)": for the reason
  std::optional<Cidr> range;  // the registry block, absent for global
};

// Looks through IPv4-mapped, -compatible, SIIT, NAT64 (64:ff9b::/96, 64:ff9b:1::/48, `nat64` prefixes), 6to4, Teredo
// and ISATAP addresses; the strictest of what it finds wins.
AddressKind classify(const Address& address, std::span<const Cidr> nat64 = {});

}  // namespace sallyport
