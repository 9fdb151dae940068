#include "proxy/wire/socks.hpp"

#include "proxy/wire/byte_reader.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>

namespace sallyport::wire {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint8_t version4 = 4;
constexpr std::uint8_t version5 = 5;
constexpr std::uint8_t connect_command = 1;
constexpr std::size_t longest_text = 255;

std::string text_of(Bytes bytes) {
  return std::string(bytes.begin(), bytes.end());
}

std::string ip4_text(Bytes bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) text += (text.empty() ? "" : ".") + std::to_string(byte);
  return text;
}

std::string ip6_text(Bytes bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    if (i != 0) text += ':';
    for (const std::uint8_t byte : bytes.subspan(i, 2)) {
      text += digits[byte >> 4];
      text += digits[byte & 0x0f];
    }
  }
  return text;
}

// The text up to the NUL at `at`, which is moved past it.
boost::system::result<std::string, SocksFault> text_to_nul(Bytes bytes, std::size_t& at) {
  const Bytes window = bytes.subspan(at, std::min(bytes.size() - at, longest_text + 1));
  const auto end = std::find(window.begin(), window.end(), std::uint8_t{0});
  if (end == window.end()) return window.size() > longest_text ? SocksFault::malformed : SocksFault::need_more;
  std::string text(window.begin(), end);
  at += text.size() + 1;
  return text;
}

// The fault that the fixed bytes of a request already show, in the order in which they come.
std::optional<SocksFault> check_socks5_start(Bytes bytes) {
  if (!bytes.empty() && bytes[0] != version5) return SocksFault::malformed;
  if (bytes.size() > 1 && bytes[1] != connect_command) return SocksFault::unsupported_command;
  if (bytes.size() > 2 && bytes[2] != 0) return SocksFault::malformed;
  if (bytes.size() > 3 && bytes[3] != 1 && bytes[3] != 3 && bytes[3] != 4) return SocksFault::unsupported_address;
  if (bytes.size() > 4 && bytes[3] == 3 && bytes[4] == 0) return SocksFault::malformed;
  return std::nullopt;
}

void read_address(ByteReader& in, SocksRequest& request) {
  constexpr std::size_t ip4_bytes = 4;
  constexpr std::size_t ip6_bytes = 16;
  switch (in.u8()) {
    case 1:
      request.kind = SocksHostKind::ip4;
      request.host = ip4_text(in.take(ip4_bytes));
      break;
    case 3:
      request.kind = SocksHostKind::name;
      request.host = text_of(in.vector8());
      break;
    default:
      request.kind = SocksHostKind::ip6;
      request.host = ip6_text(in.take(ip6_bytes));
  }
}

}  // namespace

std::string_view sentence(SocksFault fault) {
  switch (fault) {
    case SocksFault::need_more:
      return "the SOCKS message is not complete";
    case SocksFault::malformed:
      return "the SOCKS message is malformed";
    case SocksFault::unsupported_command:
      return "only the SOCKS command CONNECT is supported";
    case SocksFault::unsupported_address:
      return "the SOCKS address type is unknown";
  }
  return "unknown fault";
}

SocksResult<SocksRequest> parse_socks4_request(Bytes bytes) {
  if (!bytes.empty() && bytes[0] != version4) return SocksFault::malformed;
  if (bytes.size() > 1 && bytes[1] != connect_command) return SocksFault::unsupported_command;
  constexpr std::size_t fixed_bytes = 8;
  if (bytes.size() < fixed_bytes) return SocksFault::need_more;

  SocksRequest request;
  request.port = static_cast<std::uint16_t>((bytes[2] << 8) | bytes[3]);
  const Bytes address = bytes.subspan(4, 4);
  std::size_t at = fixed_bytes;
  auto user = text_to_nul(bytes, at);
  if (!user) return user.error();
  request.user = std::move(*user);

  // 4a: the address 0.0.0.x with x other than 0 says that a name follows.
  const bool named = address[0] == 0 && address[1] == 0 && address[2] == 0 && address[3] != 0;
  if (!named) {
    request.kind = SocksHostKind::ip4;
    request.host = ip4_text(address);
    return Parsed<SocksRequest>{std::move(request), at};
  }
  auto name = text_to_nul(bytes, at);
  if (!name) return name.error();
  if (name->empty()) return SocksFault::malformed;
  request.host = std::move(*name);
  return Parsed<SocksRequest>{std::move(request), at};
}

SocksResult<SocksRequest> parse_socks5_request(Bytes bytes) {
  if (const auto fault = check_socks5_start(bytes)) return *fault;
  ByteReader in(bytes);
  in.take(3);
  SocksRequest request;
  read_address(in, request);
  request.port = in.u16();
  if (!in.good()) return SocksFault::need_more;
  return Parsed<SocksRequest>{std::move(request), bytes.size() - in.size()};
}

bool Socks5Greeting::offers(SocksMethod method) const {
  return std::find(methods.begin(), methods.end(), static_cast<std::uint8_t>(method)) != methods.end();
}

SocksResult<Socks5Greeting> parse_socks5_greeting(Bytes bytes) {
  if (!bytes.empty() && bytes[0] != version5) return SocksFault::malformed;
  if (bytes.size() > 1 && bytes[1] == 0) return SocksFault::malformed;
  ByteReader in(bytes);
  in.u8();
  const Bytes methods = in.vector8();
  if (!in.good()) return SocksFault::need_more;
  return Parsed<Socks5Greeting>{{{methods.begin(), methods.end()}}, bytes.size() - in.size()};
}

SocksResult<SocksCredentials> parse_socks5_credentials(Bytes bytes) {
  constexpr std::uint8_t negotiation_version = 1;
  if (!bytes.empty() && bytes[0] != negotiation_version) return SocksFault::malformed;
  if (bytes.size() > 1 && bytes[1] == 0) return SocksFault::malformed;
  ByteReader in(bytes);
  in.u8();
  SocksCredentials credentials;
  credentials.user = text_of(in.vector8());
  credentials.password = text_of(in.vector8());
  if (!in.good()) return SocksFault::need_more;
  return Parsed<SocksCredentials>{std::move(credentials), bytes.size() - in.size()};
}

std::array<std::uint8_t, 8> socks4_reply(Socks4Reply reply) {
  return {0, static_cast<std::uint8_t>(reply)};
}

std::array<std::uint8_t, 10> socks5_reply(Socks5Reply reply) {
  constexpr std::uint8_t ip4 = 1;
  return {version5, static_cast<std::uint8_t>(reply), 0, ip4};
}

std::array<std::uint8_t, 2> socks5_method_reply(SocksMethod method) {
  return {version5, static_cast<std::uint8_t>(method)};
}

std::array<std::uint8_t, 2> socks5_login_reply(SocksLogin login) {
  return {1, static_cast<std::uint8_t>(login)};
}

Socks5Reply socks5_reply_for(SocksFault fault) {
  switch (fault) {
    case SocksFault::unsupported_command:
      return Socks5Reply::command_not_supported;
    case SocksFault::unsupported_address:
      return Socks5Reply::address_type_not_supported;
    default:
      return Socks5Reply::general_failure;
  }
}

}  // namespace sallyport::wire
