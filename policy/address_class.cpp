#include "policy/address_class.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace sallyport {
namespace {

struct BlockRow {
  AddressClass kind;
  std::string_view cidr, text;
};

// IANA IPv4 and IPv6 Special-Purpose Address Registries: what is not globally reachable, with multicast. Blocks that
// have a few reachable addresses inside (192.0.0.0/24, 2001::/23) count as a whole. A narrower row stands before a
// wider.
constexpr auto special = AddressClass::special;
constexpr auto private_ = AddressClass::private_;
constexpr auto metadata = AddressClass::metadata;
constexpr auto loopback = AddressClass::loopback;
constexpr BlockRow rows[] = {
    {metadata, "169.254.169.254", "169.254.169.254 (cloud metadata)"},
    {metadata, "169.254.170.2", "169.254.170.2 (AWS task credentials)"},
    {metadata, "169.254.170.23", "169.254.170.23 (AWS pod credentials)"},
    {metadata, "100.100.100.200", "100.100.100.200 (Alibaba Cloud metadata)"},
    {metadata, "168.63.129.16", "168.63.129.16 (Azure wire server)"},
    {metadata, "192.0.0.192", "192.0.0.192 (Oracle Cloud metadata)"},
    {metadata, "fd00:ec2::254", "fd00:ec2::254 (AWS metadata)"},
    {metadata, "fd00:ec2::23", "fd00:ec2::23 (AWS pod credentials)"},
    {metadata, "fd20:ce::254", "fd20:ce::254 (Google Cloud metadata)"},
    {metadata, "fd00:42::42", "fd00:42::42 (Scaleway metadata)"},
    {metadata, "fd00:c1::a9fe:a9fe", "fd00:c1::a9fe:a9fe (Oracle Cloud metadata)"},
    // Linux connects the unspecified address to this host.
    {loopback, "0.0.0.0", "0.0.0.0 (this host)"},
    {loopback, "127.0.0.0/8", "127.0.0.0/8 (loopback)"},
    {loopback, "::", ":: (this host)"},
    {loopback, "::1", "::1 (loopback)"},
    {private_, "10.0.0.0/8", "10.0.0.0/8 (RFC 1918)"},
    {private_, "172.16.0.0/12", "172.16.0.0/12 (RFC 1918)"},
    {private_, "192.168.0.0/16", "192.168.0.0/16 (RFC 1918)"},
    {private_, "100.64.0.0/10", "100.64.0.0/10 (carrier-grade NAT)"},
    {private_, "fc00::/7", "fc00::/7 (unique local)"},
    {special, "0.0.0.0/8", "0.0.0.0/8 (this network)"},
    {special, "169.254.0.0/16", "169.254.0.0/16 (link-local)"},
    {special, "192.0.0.0/24", "192.0.0.0/24 (IETF protocol assignments)"},
    {special, "192.0.2.0/24", "192.0.2.0/24 (documentation)"},
    {special, "192.88.99.0/24", "192.88.99.0/24 (6to4 relays)"},
    {special, "198.18.0.0/15", "198.18.0.0/15 (benchmarking)"},
    {special, "198.51.100.0/24", "198.51.100.0/24 (documentation)"},
    {special, "203.0.113.0/24", "203.0.113.0/24 (documentation)"},
    {special, "224.0.0.0/4", "224.0.0.0/4 (multicast)"},
    {special, "255.255.255.255", "255.255.255.255 (broadcast)"},
    {special, "240.0.0.0/4", "240.0.0.0/4 (reserved)"},
    {special, "64:ff9b:1::/48", "64:ff9b:1::/48 (local-use NAT64)"},
    {special, "100::/64", "100::/64 (discard only)"},
    {special, "100:0:0:1::/64", "100:0:0:1::/64 (dummy prefix)"},
    {special, "2001::/32", "2001::/32 (Teredo)"},
    {special, "2001::/23", "2001::/23 (IETF protocol assignments)"},
    {special, "2001:db8::/32", "2001:db8::/32 (documentation)"},
    {special, "2002::/16", "2002::/16 (6to4)"},
    {special, "3fff::/20", "3fff::/20 (documentation)"},
    {special, "5f00::/16", "5f00::/16 (segment routing)"},
    {special, "fe80::/10", "fe80::/10 (link-local)"},
    {special, "fec0::/10", "fec0::/10 (site-local)"},
    {special, "ff00::/8", "ff00::/8 (multicast)"},
    {special, "::/96", "::/96 (IPv4-compatible)"},
    {special, "::ffff:0:0:0/96", "::ffff:0:0:0/96 (SIIT)"},
};
constexpr std::string_view unallocated = "outside 2000::/3 (not global unicast)";
constexpr std::string_view isatap = "ISATAP interface";

// One row, parsed. The tables are made on first use and never change.
struct Block {
  AddressClass kind;
  Cidr cidr;
  std::string_view text;
};

const std::vector<Block>& blocks() {
  static const std::vector<Block> parsed = [] {
    std::vector<Block> result;
    for (const BlockRow& row : rows) result.push_back({row.kind, Cidr::parse(row.cidr).value(), row.text});
    return result;
  }();
  return parsed;
}

const Cidr& well_known_nat64() {
  static const Cidr prefix = Cidr::parse("64:ff9b::/96").value();
  return prefix;
}

const Cidr& global_unicast() {
  static const Cidr prefix = Cidr::parse("2000::/3").value();
  return prefix;
}

using Bytes = std::span<const std::uint8_t>;

Address v4_at(Bytes bytes, std::size_t i) {
  return Address::v4({bytes[i], bytes[i + 1], bytes[i + 2], bytes[i + 3]});
}

// RFC 6052, 2.2: the four bytes follow the prefix and leave out byte 8.
std::optional<Address> nat64_inner(const Address& address, unsigned length) {
  if (length % 8 != 0 || length < 32 || length > 96 || (length > 64 && length != 96)) return std::nullopt;
  const Bytes bytes = address.bytes();
  std::array<std::uint8_t, 4> inner{};
  std::size_t at = length / 8;
  for (auto& byte : inner) {
    if (at == 8) ++at;
    byte = bytes[at++];
  }
  return Address::v4(inner);
}

bool is_isatap(Bytes bytes) {
  return (bytes[8] & 0xfdU) == 0 && bytes[9] == 0 && bytes[10] == 0x5e && bytes[11] == 0xfe;
}

// The IPv4 addresses that some network on the way could take out of an IPv6 address whose own class is known already.
std::vector<Address> embedded(const Address& address, std::string_view own_block) {
  const Bytes bytes = address.bytes();
  std::vector<Address> found;
  if (own_block.ends_with("(IPv4-compatible)") || own_block.ends_with("(SIIT)")) found.push_back(v4_at(bytes, 12));
  if (own_block.ends_with("(6to4)")) found.push_back(v4_at(bytes, 2));
  if (own_block.ends_with("(Teredo)")) {
    found.push_back(v4_at(bytes, 4));
    // The client's address stands there with every bit flipped (RFC 4380, 4).
    const auto flip = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i] ^ 0xffU); };
    found.push_back(Address::v4({flip(12), flip(13), flip(14), flip(15)}));
  }
  if (own_block.ends_with("(local-use NAT64)")) {
    // The operator cuts this /48 as he likes.
    for (const unsigned length : {48U, 56U, 64U, 96U}) found.push_back(*nat64_inner(address, length));
  }
  if (is_isatap(bytes)) found.push_back(v4_at(bytes, 12));
  return found;
}

AddressKind by_registry(const Address& address) {
  for (const Block& block : blocks()) {
    if (block.cidr.contains(address)) return {block.kind, block.text, block.cidr};
  }
  return {AddressClass::global, {}, std::nullopt};
}

AddressKind v6_by_registry(const Address& address) {
  AddressKind kind = by_registry(address);
  if (kind.kind >= AddressClass::special) return kind;
  const Cidr itself = *Cidr::make(address, 128);
  if (is_isatap(address.bytes())) return {AddressClass::special, isatap, itself};
  if (kind.kind == AddressClass::private_ || global_unicast().contains(address)) return kind;
  return {AddressClass::special, unallocated, itself};
}

// Not the outer class: a network that translates this prefix sends to the inner address and nowhere else.
std::optional<AddressKind> behind_nat64(const Address& address, const Cidr& prefix) {
  if (!prefix.contains(address)) return std::nullopt;
  const auto inner = nat64_inner(address, prefix.length());
  if (!inner) return std::nullopt;
  return by_registry(*inner);
}

}  // namespace

AddressKind classify(const Address& given, std::span<const Cidr> nat64) {
  const Address address = given.unmapped();
  if (address.is_v4()) return by_registry(address);
  for (const Cidr& prefix : nat64) {
    if (const auto kind = behind_nat64(address, prefix)) return *kind;
  }
  if (const auto kind = behind_nat64(address, well_known_nat64())) return *kind;
  AddressKind strictest = v6_by_registry(address);
  // A rule names the outer address, so only that block may open it: the inner kind makes it stricter, never looser.
  for (const Address& inner : embedded(address, strictest.block)) {
    // Nothing is embedded there; the outer class stands.
    if (inner == Address::v4({0, 0, 0, 0})) continue;
    const AddressKind kind = by_registry(inner);
    if (kind.kind > strictest.kind) strictest = kind;
  }
  return strictest;
}

}  // namespace sallyport
