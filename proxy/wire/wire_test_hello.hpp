// ClientHellos built byte by byte, for tests. Every part can be left out or spoiled.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::wire::testing {

using Buffer = std::vector<std::uint8_t>;

inline void put16(Buffer& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

inline void put(Buffer& out, const Buffer& bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

inline Buffer with_length8(const Buffer& body) {
  Buffer out{static_cast<std::uint8_t>(body.size())};
  put(out, body);
  return out;
}

inline Buffer with_length16(const Buffer& body) {
  Buffer out;
  put16(out, body.size());
  put(out, body);
  return out;
}

inline Buffer bytes_of(std::string_view text) {
  return Buffer(text.begin(), text.end());
}

inline Buffer numbers(const std::vector<std::uint16_t>& values) {
  Buffer out;
  for (const std::uint16_t value : values) put16(out, value);
  return out;
}

inline Buffer sni_entry(std::string_view name, std::uint8_t type = 0) {
  Buffer out{type};
  put(out, with_length16(bytes_of(name)));
  return out;
}

inline Buffer sni(std::string_view name) {
  return with_length16(sni_entry(name));
}

inline Buffer alpn(const std::vector<std::string>& protocols) {
  Buffer list;
  for (const std::string& protocol : protocols) put(list, with_length8(bytes_of(protocol)));
  return with_length16(list);
}

struct HelloBuilder {
  std::uint16_t legacy_version = 0x0303;
  Buffer session_id = Buffer(32, 0x5a);
  std::vector<std::uint16_t> ciphers{0x1301, 0x1302, 0x1303};
  Buffer compression{0};
  std::vector<std::pair<std::uint16_t, Buffer>> extensions;
  bool has_extensions = true;
  Buffer after_extensions;

  HelloBuilder& add(std::uint16_t type, Buffer body = {}) {
    extensions.emplace_back(type, std::move(body));
    return *this;
  }

  // The handshake message with its header.
  Buffer message() const {
    Buffer body;
    put16(body, legacy_version);
    body.insert(body.end(), 32, 0x77);
    put(body, with_length8(session_id));
    put(body, with_length16(numbers(ciphers)));
    put(body, with_length8(compression));
    Buffer list;
    for (const auto& [type, data] : extensions) {
      put16(list, type);
      put(list, with_length16(data));
    }
    if (has_extensions) put(body, with_length16(list));
    put(body, after_extensions);
    Buffer out{1, static_cast<std::uint8_t>(body.size() >> 16)};
    put16(out, body.size() & 0xffff);
    put(out, body);
    return out;
  }

  Buffer stream() const;
};

// The message as TLS records of at most `size` bytes each.
inline Buffer in_records(const Buffer& message, std::size_t size = 1 << 14, std::uint8_t minor = 1) {
  Buffer out;
  for (std::size_t at = 0; at < message.size(); at += size) {
    const std::size_t length = std::min(size, message.size() - at);
    put(out, {0x16, 3, minor});
    put16(out, length);
    out.insert(out.end(), message.begin() + static_cast<std::ptrdiff_t>(at),
               message.begin() + static_cast<std::ptrdiff_t>(at + length));
  }
  return out;
}

inline Buffer HelloBuilder::stream() const {
  return in_records(message());
}

inline HelloBuilder small_hello(std::string_view name = "allowed.test") {
  HelloBuilder hello;
  hello.add(0x0000, sni(name)).add(0x002b, with_length8(numbers({0x0304, 0x0303})));
  return hello;
}

// As a browser of 2025 sends it: GREASE in every list, X25519MLKEM768 (a share of 1,216 bytes) and GREASE ECH.
inline HelloBuilder browser_hello(std::string_view name = "allowed.test") {
  HelloBuilder hello;
  hello.ciphers = {0x2a2a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030,
                   0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035};
  Buffer shares = numbers({0x3a3a, 1});
  shares.push_back(0);
  put(shares, numbers({0x11ec}));
  put(shares, with_length16(Buffer(1216, 0x4d)));
  put(shares, numbers({0x001d}));
  put(shares, with_length16(Buffer(32, 0x25)));
  Buffer ech{0, 0, 1, 0, 1, 0x42};
  put(ech, with_length16(Buffer(32, 0xec)));
  put(ech, with_length16(Buffer(176, 0xed)));
  hello.add(0x4a4a)
      .add(0x0000, sni(name))
      .add(0x0017)
      .add(0xff01, {0})
      .add(0x000a, with_length16(numbers({0x3a3a, 0x11ec, 0x001d, 0x0017, 0x0018})))
      .add(0x000b, {1, 0})
      .add(0x0023)
      .add(0x0010, alpn({"h2", "http/1.1"}))
      .add(0x0005, {1, 0, 0, 0, 0})
      .add(0x000d, with_length16(numbers({0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601})))
      .add(0x0012)
      .add(0x0033, with_length16(shares))
      .add(0x002d, {1, 1})
      .add(0x002b, with_length8(numbers({0x6a6a, 0x0304, 0x0303})))
      .add(0x001b, {2, 0, 2})
      .add(0x44cd, alpn({"h2"}))
      .add(0xfe0d, ech)
      .add(0x5a5a, {0});
  return hello;
}

}  // namespace sallyport::wire::testing
