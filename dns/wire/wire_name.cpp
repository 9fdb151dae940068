#include "dns/wire/wire_name.hpp"

namespace sallyport::dns {
namespace {

constexpr std::size_t longest_name = 255;
constexpr std::size_t longest_label = 63;

bool plain(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || byte == '-' ||
         byte == '_';
}

char fold(char byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte;
}

// Calls `visit` with each label but the root.
template <class Visit>
void each_label(const std::string& bytes, Visit visit) {
  for (std::size_t at = 0; bytes[at] != '\0';) {
    const auto length = static_cast<std::uint8_t>(bytes[at]);
    visit(std::string_view(bytes).substr(at + 1, length));
    at += 1U + length;
  }
}

}  // namespace

std::optional<WireName> WireName::from_text(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  WireName name;
  name.bytes_.clear();
  while (!text.empty()) {
    const auto dot = text.find('.');
    const auto label = text.substr(0, dot);
    if (label.empty() || label.size() > longest_label) return std::nullopt;
    name.bytes_ += static_cast<char>(label.size());
    name.bytes_ += label;
    if (dot == std::string_view::npos) break;
    text.remove_prefix(dot + 1);
    if (text.empty()) return std::nullopt;
  }
  name.bytes_ += '\0';
  if (name.bytes_.size() > longest_name) return std::nullopt;
  return name;
}

std::optional<WireName> WireName::read(std::span<const std::uint8_t> message, std::size_t& offset) {
  WireName name;
  name.bytes_.clear();
  std::size_t at = offset;
  std::size_t end = 0;         // behind the name where it stands, once the first pointer is met
  std::size_t floor = offset;  // pointers must lead before it; it only sinks, so the loop ends
  for (;;) {
    if (at >= message.size()) return std::nullopt;
    const std::uint8_t length = message[at];
    if ((length & 0xC0U) == 0xC0U) {
      if (message.size() - at < 2) return std::nullopt;
      const std::size_t target = (static_cast<std::size_t>(length & 0x3FU) << 8U) | message[at + 1];
      if (target >= floor) return std::nullopt;
      if (end == 0) end = at + 2;
      floor = target;
      at = target;
      continue;
    }
    if (length > longest_label) return std::nullopt;  // label types 01 and 10
    if (message.size() - at - 1 < length) return std::nullopt;
    if (name.bytes_.size() + 1 + length + (length == 0 ? 0U : 1U) > longest_name) return std::nullopt;
    name.bytes_.append(message.begin() + static_cast<std::ptrdiff_t>(at),
                       message.begin() + static_cast<std::ptrdiff_t>(at + 1 + length));
    at += 1U + length;
    if (length == 0) break;
  }
  offset = end == 0 ? at : end;
  return name;
}

bool WireName::is_plain() const {
  bool all = true;
  each_label(bytes_, [&](std::string_view label) {
    for (const char byte : label) all = all && plain(byte);
  });
  return all;
}

std::string WireName::text() const {
  if (is_root()) return ".";
  std::string text;
  text.reserve(bytes_.size());
  each_label(bytes_, [&](std::string_view label) {
    if (!text.empty()) text += '.';
    for (const char byte : label) {
      if (plain(byte)) {
        text += byte;
        continue;
      }
      const unsigned value = static_cast<std::uint8_t>(byte);
      text += '\\';
      text += static_cast<char>('0' + value / 100);
      text += static_cast<char>('0' + value / 10 % 10);
      text += static_cast<char>('0' + value % 10);
    }
  });
  return text;
}

std::string WireName::folded() const {
  std::string folded = bytes_;
  for (std::size_t at = 0; folded[at] != '\0';) {
    const auto length = static_cast<std::uint8_t>(folded[at]);
    for (std::size_t i = at + 1; i <= at + length; ++i) folded[i] = fold(folded[i]);
    at += 1U + length;
  }
  return folded;
}

}  // namespace sallyport::dns
