#include "dns/fresh_correlation.hpp"

#include <sys/random.h>

#include <array>
#include <cstdint>
#include <cstdlib>

namespace sallyport::dns {

std::string fresh_correlation() {
  std::array<std::uint8_t, 16> bytes{};
  // Up to 256 bytes come whole or not at all (getrandom(2)).
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) std::abort();
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(32);
  for (const std::uint8_t byte : bytes) {
    text += digits[byte >> 4U];
    text += digits[byte & 0xFU];
  }
  return text;
}

}  // namespace sallyport::dns
