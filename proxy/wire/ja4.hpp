// The parts of a JA4 fingerprint, from what a ClientHello offered.
#pragma once
#include "proxy/wire/client_hello.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::wire {

// Values that mean nothing and exist so that servers stay tolerant (RFC 8701): 0x0a0a, 0x1a1a, … 0xfafa.
constexpr bool is_grease(std::uint16_t value) {
  return (value & 0x0f0f) == 0x0a0a && (value >> 8) == (value & 0xff);
}

struct Ja4Input {
  std::uint16_t version = 0;
  bool server_name = false;
  std::vector<std::uint16_t> ciphers;     // in any order; GREASE may be among them
  std::vector<std::uint16_t> extensions;  // likewise
  std::vector<std::uint16_t> signature_algorithms;
  std::string first_alpn;  // empty where none was offered
};

Ja4Raw ja4_raw(Ja4Input input);

}  // namespace sallyport::wire
