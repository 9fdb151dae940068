// Reading numbers and bytes from a message, never past its end.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace sallyport::dns {

class Cursor {
 public:
  explicit Cursor(std::span<const std::uint8_t> message, std::size_t offset = 0) : message_(message), offset_(offset) {}

  std::size_t& offset() { return offset_; }
  std::size_t left() const { return message_.size() - offset_; }
  std::span<const std::uint8_t> message() const { return message_; }

  std::optional<std::uint16_t> u16() {
    if (left() < 2) return std::nullopt;
    const auto value = static_cast<std::uint16_t>(message_[offset_] << 8U | message_[offset_ + 1]);
    offset_ += 2;
    return value;
  }
  std::optional<std::uint32_t> u32() {
    const auto high = u16();
    const auto low = u16();
    if (!high || !low) return std::nullopt;
    return (static_cast<std::uint32_t>(*high) << 16U) | *low;
  }
  std::optional<std::span<const std::uint8_t>> take(std::size_t size) {
    if (left() < size) return std::nullopt;
    const auto bytes = message_.subspan(offset_, size);
    offset_ += size;
    return bytes;
  }

 private:
  std::span<const std::uint8_t> message_;
  std::size_t offset_;
};

}  // namespace sallyport::dns
