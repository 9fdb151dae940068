// SOCKS 4, 4a and 5 as a server reads and answers them (RFC 1928, RFC 1929).
#pragma once
#include "proxy/wire/parsed.hpp"

#include <boost/system/result.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::wire {

enum class SocksFault { need_more, malformed, unsupported_command, unsupported_address };
std::string_view sentence(SocksFault fault);

template <class T>
using SocksResult = boost::system::result<Parsed<T>, SocksFault>;

enum class SocksHostKind { name, ip4, ip6 };

// Where the client wants to go. A name is raw bytes, 1 to 255 of them, not validated: it may look like an address, and
// may hold any byte (SOCKS4a: except NUL). Addresses are text: dotted quad, or eight groups of hex.
struct SocksRequest {
  SocksHostKind kind = SocksHostKind::name;
  std::string host;
  std::uint16_t port = 0;  // as sent, 0 included
  std::string user;        // SOCKS4's user id; empty in SOCKS5
};

// Only CONNECT is understood: anything else is unsupported_command.
SocksResult<SocksRequest> parse_socks4_request(std::span<const std::uint8_t> bytes);
SocksResult<SocksRequest> parse_socks5_request(std::span<const std::uint8_t> bytes);

enum class SocksMethod : std::uint8_t { none = 0x00, password = 0x02, unacceptable = 0xff };

struct Socks5Greeting {
  std::vector<std::uint8_t> methods;  // 1 to 255
  bool offers(SocksMethod method) const;
};
SocksResult<Socks5Greeting> parse_socks5_greeting(std::span<const std::uint8_t> bytes);

struct SocksCredentials {
  std::string user;      // not empty
  std::string password;  // may be empty: some clients send it so
};
SocksResult<SocksCredentials> parse_socks5_credentials(std::span<const std::uint8_t> bytes);

enum class Socks4Reply : std::uint8_t { granted = 90, refused = 91 };
enum class Socks5Reply : std::uint8_t {
  succeeded = 0,
  general_failure = 1,
  not_allowed = 2,
  network_unreachable = 3,
  host_unreachable = 4,
  connection_refused = 5,
  ttl_expired = 6,
  command_not_supported = 7,
  address_type_not_supported = 8,
};
enum class SocksLogin : std::uint8_t { accepted = 0, refused = 1 };

// Answers carry 0.0.0.0:0 as bound address: the proxy's own is nobody's business.
std::array<std::uint8_t, 8> socks4_reply(Socks4Reply reply);
std::array<std::uint8_t, 10> socks5_reply(Socks5Reply reply);
std::array<std::uint8_t, 2> socks5_method_reply(SocksMethod method);
std::array<std::uint8_t, 2> socks5_login_reply(SocksLogin login);

// The reply that tells a client about a fault other than need_more.
Socks5Reply socks5_reply_for(SocksFault fault);

}  // namespace sallyport::wire
