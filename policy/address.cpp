#include "policy/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace sallyport {
namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

const char* const not_an_address = "expected an address such as 192.0.2.1 or 2001:db8::1";

// Decimal digits without sign or leading zero, at most `limit`.
std::optional<unsigned> parse_decimal(std::string_view digits, unsigned limit) {
  if (digits.empty() || digits.size() > 3 || (digits.size() > 1 && digits[0] == '0')) return std::nullopt;
  unsigned value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value > limit) return std::nullopt;
  return value;
}

std::optional<Address> parse_v4(std::string_view text) {
  std::array<std::uint8_t, 4> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::size_t dot = text.find('.');
    if ((dot == std::string_view::npos) != (i == 3)) return std::nullopt;
    const auto value = parse_decimal(text.substr(0, dot), 255);
    if (!value) return std::nullopt;
    bytes[i] = static_cast<std::uint8_t>(*value);
    if (i < 3) text.remove_prefix(dot + 1);
  }
  return Address::v4(bytes);
}

std::optional<Address> parse_v6(std::string_view text) {
  // Checked first, so that the C function never meets a NUL or a zone.
  if (text.size() >= INET6_ADDRSTRLEN || text.find_first_not_of("0123456789abcdefABCDEF:.") != text.npos) {
    return std::nullopt;
  }
  // The embedded dotted quad has our grammar, whatever the C library takes.
  if (text.find('.') != text.npos && !parse_v4(text.substr(text.rfind(':') + 1))) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  if (inet_pton(AF_INET6, std::string(text).c_str(), bytes.data()) != 1) return std::nullopt;
  return Address::v6(bytes);
}

std::string dotted(std::span<const std::uint8_t> bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    if (!text.empty()) text += '.';
    text += std::to_string(byte);
  }
  return text;
}

struct Run {
  std::size_t start = 0, length = 0;
};

// RFC 5952, 4.2: the first longest run of at least two zero groups.
Run longest_zero_run(const std::array<unsigned, 8>& groups) {
  Run best;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    std::size_t end = i;
    while (end < groups.size() && groups[end] == 0) ++end;
    if (end - i > best.length) best = {i, end - i};
  }
  return best.length < 2 ? Run{} : best;
}

std::string colons(std::span<const std::uint8_t> bytes) {
  std::array<unsigned, 8> groups{};
  for (std::size_t i = 0; i < groups.size(); ++i) groups[i] = bytes[2 * i] * 256U + bytes[2 * i + 1];
  const Run zeros = longest_zero_run(groups);
  std::string text;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (zeros.length != 0 && i == zeros.start) {
      text += "::";
      i += zeros.length - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    std::array<char, 4> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), groups[i], 16).ptr;
    text.append(digits.data(), end);
  }
  return text;
}

// The address with all but the first `length` bits zero.
Address masked(const Address& address, unsigned length) {
  std::array<std::uint8_t, 16> bytes{};
  const auto from = address.bytes();
  for (std::size_t i = 0; i < from.size() && length > 8 * i; ++i) {
    const std::size_t bits = std::min<std::size_t>(8, length - 8 * i);
    bytes[i] = static_cast<std::uint8_t>(from[i] & (0xff00U >> bits));
  }
  if (!address.is_v4()) return Address::v6(bytes);
  return Address::v4({bytes[0], bytes[1], bytes[2], bytes[3]});
}

unsigned width(const Address& address) {
  return address.is_v4() ? 32 : 128;
}

}  // namespace

Outcome<Address> Address::parse(std::string_view text) {
  const auto address = text.find(':') == text.npos ? parse_v4(text) : parse_v6(text);
  if (!address) return Complaint{not_an_address};
  return *address;
}

Address Address::v4(std::array<std::uint8_t, 4> bytes) {
  Address address;
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

Address Address::v6(std::array<std::uint8_t, 16> bytes) {
  Address address;
  address.v4_ = false;
  address.bytes_ = bytes;
  return address;
}

Address Address::unmapped() const {
  if (v4_ || !std::equal(mapped_prefix.begin(), mapped_prefix.end(), bytes_.begin())) return *this;
  return v4({bytes_[12], bytes_[13], bytes_[14], bytes_[15]});
}

std::string Address::text() const {
  if (v4_) return dotted(bytes());
  const Address inner = unmapped();
  return inner.is_v4() ? "::ffff:" + dotted(inner.bytes()) : colons(bytes());
}

Outcome<Cidr> Cidr::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto base = Address::parse(text.substr(0, slash));
  if (!base) return base.error();
  if (slash == text.npos) return make(*base, width(*base));
  const auto length = parse_decimal(text.substr(slash + 1), width(*base));
  if (!length)
    return Complaint{"expected a prefix length from 0 to " + std::to_string(width(*base)) + " after the '/'"};
  return make(*base, *length);
}

Outcome<Cidr> Cidr::make(Address base, unsigned length) {
  if (length > width(base)) return Complaint{"a prefix has at most " + std::to_string(width(base)) + " bits"};
  const Address start = masked(base, length);
  if (start != base) {
    return Complaint{"this block has bits set after its prefix; write " + start.text() + "/" + std::to_string(length)};
  }
  return Cidr(base, length);
}

bool Cidr::contains(const Address& address) const {
  return address.is_v4() == base_.is_v4() && masked(address, length_) == base_;
}

std::string Cidr::text() const {
  if (length_ == width(base_)) return base_.text();
  return base_.text() + "/" + std::to_string(length_);
}

}  // namespace sallyport
