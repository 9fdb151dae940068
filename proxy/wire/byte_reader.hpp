// A cursor over bytes that checks every length before it is used.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace sallyport::wire {

// Once a read asks for more than there is, the reader is bad for good: reads then answer zeros and empty spans.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  bool good() const { return good_; }
  bool empty() const { return bytes_.empty(); }
  // Everything was read, and nothing besides.
  bool finished() const { return good_ && bytes_.empty(); }
  std::size_t size() const { return bytes_.size(); }

  std::span<const std::uint8_t> take(std::size_t count) {
    if (!good_ || count > bytes_.size()) {
      good_ = false;
      bytes_ = {};
      return {};
    }
    const auto taken = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return taken;
  }

  std::uint8_t u8() {
    const auto byte = take(1);
    return good_ ? byte[0] : std::uint8_t{0};
  }

  std::uint16_t u16() {
    const auto bytes = take(2);
    return good_ ? static_cast<std::uint16_t>((bytes[0] << 8) | bytes[1]) : std::uint16_t{0};
  }

  // Vectors with a length before them.
  std::span<const std::uint8_t> vector8() { return take(u8()); }
  std::span<const std::uint8_t> vector16() { return take(u16()); }

 private:
  std::span<const std::uint8_t> bytes_;
  bool good_ = true;
};

}  // namespace sallyport::wire
