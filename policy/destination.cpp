#include "policy/destination.hpp"

#include <algorithm>
#include <optional>

namespace sallyport {
namespace {

Outcome<std::uint16_t> parse_port(std::string_view digits) {
  const Complaint fault{"a port is a number from 1 to 65535, without sign or leading zero"};
  if (digits.empty() || digits.size() > 5 || digits[0] == '0') return fault;
  unsigned value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return fault;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value > 65535) return fault;
  return static_cast<std::uint16_t>(value);
}

Outcome<Host> parse_bracketed(std::string_view text) {
  const Complaint fault{"brackets hold an IPv6 address without a zone, such as [2001:db8::1]"};
  if (text.size() < 2 || text.back() != ']') return fault;
  const auto address = Address::parse(text.substr(1, text.size() - 2));
  if (!address || address->is_v4()) return fault;
  return Host(*address);
}

// Where the host ends: at the colon of the port, or at the end of the text.
std::size_t host_end(std::string_view text) {
  if (!text.starts_with('[')) return std::min(text.find(':'), text.size());
  const std::size_t bracket = text.find(']');
  return bracket == text.npos ? text.size() : bracket + 1;
}

}  // namespace

Outcome<Host> Host::parse(std::string_view text) {
  if (text.starts_with('[')) return parse_bracketed(text);
  if (text.find(':') != text.npos) return Complaint{"an IPv6 address stands in brackets, such as [2001:db8::1]"};
  if (const auto address = Address::parse(text)) return Host(*address);
  auto name = HostName::parse(text);
  if (!name) return name.error();
  return Host(std::move(*name));
}

std::string Host::text() const {
  return name() != nullptr ? name()->text() : address()->text();
}

std::string Destination::text() const {
  const Address* address = host.address();
  std::string result = host.text();
  if (address != nullptr && !address->is_v4()) result.insert(0, 1, '[').push_back(']');
  result += ':';
  return result += std::to_string(port);
}

Outcome<Destination> parse_authority(std::string_view text, std::uint16_t default_port) {
  const std::size_t end = host_end(text);
  auto host = Host::parse(text.substr(0, end));
  if (!host) return host.error();
  if (end == text.size()) {
    if (default_port == 0) return Complaint{"a port is missing; write host:port"};
    return Destination{std::move(*host), default_port};
  }
  if (text[end] != ':') return Complaint{"only \":port\" may follow the closing bracket"};
  const auto port = parse_port(text.substr(end + 1));
  if (!port) return port.error();
  return Destination{std::move(*host), *port};
}

}  // namespace sallyport
