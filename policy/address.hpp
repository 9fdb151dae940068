// IP addresses and prefixes as values.
#pragma once
#include "policy/result.hpp"

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sallyport {

// An IPv4 or IPv6 address. An IPv4-mapped IPv6 address stays IPv6 here; unmapped() gives the other form.
class Address {
 public:
  // Dotted quad without leading zeros (RFC 3986 IPv4address) or RFC 4291 text without brackets and zone.
  static Outcome<Address> parse(std::string_view text);
  static Address v4(std::array<std::uint8_t, 4> bytes);
  static Address v6(std::array<std::uint8_t, 16> bytes);

  bool is_v4() const { return v4_; }
  // 4 or 16 bytes in network order.
  std::span<const std::uint8_t> bytes() const { return {bytes_.data(), v4_ ? 4U : 16U}; }
  // The IPv4 address inside ::ffff:0:0/96, else itself.
  Address unmapped() const;
  // Dotted quad, or RFC 5952.
  std::string text() const;

  friend auto operator<=>(const Address&, const Address&) = default;

 private:
  bool v4_ = true;
  std::array<std::uint8_t, 16> bytes_{};
};

// An address block. Host bits must be zero.
class Cidr {
 public:
  // "10.0.0.0/8", "fd00::/8", or a single address.
  static Outcome<Cidr> parse(std::string_view text);
  static Outcome<Cidr> make(Address base, unsigned length);

  const Address& base() const { return base_; }
  unsigned length() const { return length_; }
  bool contains(const Address& address) const;
  // True where every address of `other` is also here.
  bool contains(const Cidr& other) const { return length_ <= other.length_ && contains(other.base_); }
  std::string text() const;

  friend auto operator<=>(const Cidr&, const Cidr&) = default;

 private:
  Cidr(Address base, unsigned length) : base_(base), length_(length) {}
  Address base_;
  unsigned length_;
};

}  // namespace sallyport
