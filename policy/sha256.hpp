// SHA-256 (FIPS 180-4). Its own, and not OpenSSL's, because this room links no OpenSSL: it stays pure, builds in
// seconds and fuzzes with another compiler. It hashes policy files and tokens at load and one token a log-in; nothing
// here is on a path where its speed matters.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sallyport {

using Sha256Digest = std::array<std::uint8_t, 32>;

class Sha256 {
 public:
  void update(std::string_view bytes);
  // Ends the hash: no update() after it.
  Sha256Digest finish();

 private:
  void block(std::span<const std::uint8_t, 64> bytes);
  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::uint8_t, 64> pending_{};
  std::size_t pending_size_ = 0;
  std::uint64_t total_ = 0;
};

Sha256Digest sha256(std::string_view bytes);
// Lower-case hex.
std::string hex(const Sha256Digest& digest);
// Takes the same time wherever they differ.
bool equal_in_constant_time(const Sha256Digest& a, const Sha256Digest& b);

}  // namespace sallyport
