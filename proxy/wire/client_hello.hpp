// The first message of a TLS connection, read without answering it.
#pragma once
#include <boost/system/result.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::wire {

// need_more: no fault yet, the hello isn't whole. not_tls: the first record is no TLS handshake. malformed: TLS so far,
// but no single well-formed ClientHello. too_large: its end lies past hello_limit.
enum class HelloFault { need_more, not_tls, malformed, too_large };
std::string_view sentence(HelloFault fault);

// Bytes of the stream, record headers included, within which a ClientHello must end.
inline constexpr std::size_t hello_limit = 64 * 1024;

// The parts of a JA4 fingerprint before hashing (FoxIO JA4, TLS client). Hashing is left to the caller.
struct Ja4Raw {
  std::string a;        // "t13d1516h2"
  std::string ciphers;  // sorted, four hex digits each, by commas
  std::string
      extensions;  // sorted, without SNI and ALPN; "_" and the signature algorithms as offered, where there are any

  std::string text() const { return a + '_' + ciphers + '_' + extensions; }  // the form known as JA4_r
};

// "t13d1516h2_8daaf6152771_b186095e22b6". `sha256_hex` takes a std::string_view and answers lower-case hex.
template <class Sha256Hex>
std::string ja4(const Ja4Raw& raw, Sha256Hex&& sha256_hex) {
  const auto part = [&](const std::string& text) {
    return text.empty() ? std::string(12, '0') : std::string(sha256_hex(std::string_view(text))).substr(0, 12);
  };
  return raw.a + '_' + part(raw.ciphers) + '_' + part(raw.extensions);
}

struct ClientHello {
  std::optional<std::string> server_name;  // exactly as sent: not empty, but not yet a host name; one host_name entry
  std::vector<std::string> alpn;           // as offered, in order; arbitrary bytes
  bool ech = false;                        // encrypted_client_hello (0xfe0d), real or GREASE, or its forerunner ESNI
  std::uint16_t version = 0;               // the highest offered: 0x0304 is TLS 1.3; GREASE never counts
  Ja4Raw ja4_raw;
};

// Reads the ClientHello at the start of a stream, across records (RFC 8446, 5.1).
// The answer depends on the bytes alone, never on how they were cut: for every prefix it is need_more or the final one.
// What follows the record that ends the hello (early data) is not looked at; what follows the hello inside that record
// is malformed, and so are duplicate extensions, an SNI list of other than one host_name, and records of no length.
boost::system::result<ClientHello, HelloFault> parse_client_hello(std::span<const std::uint8_t> stream);

// True from two bytes on that begin a TLS handshake record (0x16 0x03).
bool looks_like_tls(std::span<const std::uint8_t> stream);

enum class AlertDescription : std::uint8_t {
  handshake_failure = 40,
  illegal_parameter = 47,
  access_denied = 49,
  decode_error = 50,
  internal_error = 80,
  unrecognized_name = 112,
};

// A whole record with one fatal alert (RFC 8446, 6), to be sent in the clear in place of a ServerHello.
std::vector<std::uint8_t> fatal_alert(AlertDescription description);

}  // namespace sallyport::wire
