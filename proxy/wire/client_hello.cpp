#include "proxy/wire/client_hello.hpp"

#include "proxy/wire/byte_reader.hpp"
#include "proxy/wire/hello_records.hpp"
#include "proxy/wire/ja4.hpp"

#include <algorithm>

namespace sallyport::wire {
namespace {

using Bytes = std::span<const std::uint8_t>;

enum Extension : std::uint16_t {
  server_name = 0x0000,
  signature_algorithms = 0x000d,
  application_protocols = 0x0010,
  supported_versions = 0x002b,
  encrypted_client_hello = 0xfe0d,
  encrypted_server_name = 0xffce,
};

std::string text_of(Bytes bytes) {
  return std::string(bytes.begin(), bytes.end());
}

// Exactly one host_name. A list of several is legal by letter for other name types, of which none was ever defined.
bool read_server_name(Bytes data, ClientHello& hello) {
  ByteReader outer(data);
  ByteReader list(outer.vector16());
  if (!outer.finished()) return false;
  const std::uint8_t type = list.u8();
  const Bytes name = list.vector16();
  if (!list.finished() || type != 0 || name.empty()) return false;
  hello.server_name = text_of(name);
  return true;
}

bool read_alpn(Bytes data, ClientHello& hello) {
  ByteReader outer(data);
  ByteReader list(outer.vector16());
  if (!outer.finished() || list.empty()) return false;
  while (!list.empty()) {
    const Bytes protocol = list.vector8();
    if (protocol.empty()) return false;
    hello.alpn.push_back(text_of(protocol));
  }
  return list.good();
}

bool read_numbers(Bytes data, std::vector<std::uint16_t>& numbers) {
  if (data.empty() || data.size() % 2 != 0) return false;
  numbers.reserve(data.size() / 2);
  for (ByteReader list(data); !list.empty();) numbers.push_back(list.u16());
  return true;
}

bool read_supported_versions(Bytes data, ClientHello& hello) {
  ByteReader outer(data);
  std::vector<std::uint16_t> versions;
  if (!read_numbers(outer.vector8(), versions) || !outer.finished()) return false;
  std::erase_if(versions, is_grease);
  if (!versions.empty()) hello.version = *std::max_element(versions.begin(), versions.end());
  return true;
}

bool read_extension(std::uint16_t type, Bytes data, ClientHello& hello, Ja4Input& offered) {
  switch (type) {
    case server_name:
      return read_server_name(data, hello);
    case application_protocols:
      return read_alpn(data, hello);
    case supported_versions:
      return read_supported_versions(data, hello);
    case signature_algorithms: {
      ByteReader outer(data);
      return read_numbers(outer.vector16(), offered.signature_algorithms) && outer.finished();
    }
    case encrypted_client_hello:
    case encrypted_server_name:
      hello.ech = true;
      return true;
    default:
      return true;
  }
}

bool has_duplicates(std::vector<std::uint16_t> values) {
  std::sort(values.begin(), values.end());
  return std::adjacent_find(values.begin(), values.end()) != values.end();
}

bool read_extensions(Bytes data, ClientHello& hello, Ja4Input& offered) {
  ByteReader list(data);
  offered.extensions.reserve(32);
  while (!list.empty()) {
    const std::uint16_t type = list.u16();
    const Bytes body = list.vector16();
    if (!list.good() || !read_extension(type, body, hello, offered)) return false;
    offered.extensions.push_back(type);
  }
  return !has_duplicates(offered.extensions);
}

// RFC 8446, 4.1.2.
bool read_body(Bytes message, ClientHello& hello, Ja4Input& offered) {
  constexpr std::size_t random_bytes = 32;
  constexpr std::size_t longest_session_id = 32;
  ByteReader body(message);
  hello.version = body.u16();
  body.take(random_bytes);
  if (body.vector8().size() > longest_session_id) return false;
  if (!read_numbers(body.vector16(), offered.ciphers)) return false;
  if (body.vector8().empty()) return false;  // compression methods: at least "none"
  if (!body.good() || hello.version >> 8 != 3) return false;
  if (body.empty()) return true;  // TLS 1.2 and before may have no extensions
  const Bytes extensions = body.vector16();
  return body.finished() && read_extensions(extensions, hello, offered);
}

}  // namespace

std::string_view sentence(HelloFault fault) {
  switch (fault) {
    case HelloFault::need_more:
      return "the TLS ClientHello is not complete";
    case HelloFault::not_tls:
      return "the connection does not begin with a TLS handshake";
    case HelloFault::malformed:
      return "the TLS ClientHello is malformed or ambiguous";
    case HelloFault::too_large:
      return "the TLS ClientHello is larger than 64 KiB";
  }
  return "unknown fault";
}

boost::system::result<ClientHello, HelloFault> parse_client_hello(std::span<const std::uint8_t> stream) {
  const auto message = gather_hello(stream);
  if (!message) return message.error();

  ClientHello hello;
  Ja4Input offered;
  if (!read_body(*message, hello, offered)) return HelloFault::malformed;
  offered.version = hello.version;
  offered.server_name = hello.server_name.has_value();
  if (!hello.alpn.empty()) offered.first_alpn = hello.alpn.front();
  hello.ja4_raw = ja4_raw(std::move(offered));
  return hello;
}

bool looks_like_tls(std::span<const std::uint8_t> stream) {
  return stream.size() >= 2 && stream[0] == 0x16 && stream[1] == 3;
}

std::vector<std::uint8_t> fatal_alert(AlertDescription description) {
  constexpr std::uint8_t alert = 0x15;
  constexpr std::uint8_t fatal = 2;
  return {alert, 3, 3, 0, 2, fatal, static_cast<std::uint8_t>(description)};
}

}  // namespace sallyport::wire
