// Where a connection wants to go: a host name or an address, and a port.
#pragma once
#include "policy/address.hpp"
#include "policy/host_name.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace sallyport {

class Host {
 public:
  Host(HostName name) : value_(std::move(name)) {}       // NOLINT(google-explicit-constructor): a name is a host
  Host(Address address) : value_(address.unmapped()) {}  // NOLINT(google-explicit-constructor): so is an address

  // The host of an authority: a name, a dotted quad, or an IPv6 address in brackets. Anything that looks like a number
  // but is no dotted quad, has userinfo, a zone, a percent sign or a control character is refused.
  static Outcome<Host> parse(std::string_view text);

  const HostName* name() const { return std::get_if<HostName>(&value_); }
  const Address* address() const { return std::get_if<Address>(&value_); }
  // The name, the dotted quad, or the bare IPv6 text.
  std::string text() const;

  friend auto operator<=>(const Host&, const Host&) = default;

 private:
  std::variant<HostName, Address> value_;
};

struct Destination {
  Host host;
  std::uint16_t port = 0;  // 1 to 65535

  // "host:port", "[v6]:port".
  std::string text() const;
  friend auto operator<=>(const Destination&, const Destination&) = default;
};

// One strict grammar for "host:port" (CONNECT, absolute-form, Host); without a port, `default_port`. 0 as default_port
// means that a port is required.
Outcome<Destination> parse_authority(std::string_view text, std::uint16_t default_port);

}  // namespace sallyport
