// A domain name as it stands in a DNS message: labels of any bytes, uncompressed.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sallyport::dns {

// At most 255 bytes with the root label (RFC 1035, 2.3.4). Case is kept; comparison folds ASCII case.
class WireName {
 public:
  WireName() : bytes_(1, '\0') {}  // the root

  // From presentation text of plain labels ("a.example", "a.example."); no escapes. nullopt: too long, an empty label.
  static std::optional<WireName> from_text(std::string_view text);
  // Reads the name at `offset` of `message`. Compression pointers may only lead backwards, before every place read so
  // far, so reading ends. `offset` is left behind the name. nullopt: malformed.
  static std::optional<WireName> read(std::span<const std::uint8_t> message, std::size_t& offset);

  // Length-prefixed labels with the final zero.
  const std::string& bytes() const { return bytes_; }
  bool is_root() const { return bytes_.size() == 1; }
  // True where every label is of [A-Za-z0-9_-] alone: what a host name, and any name that is answered here, consists
  // of.
  bool is_plain() const;
  // "a.example" without the trailing dot, "." for the root; every other byte than [A-Za-z0-9_-] as \DDD.
  std::string text() const;
  // Lower-case, label by label; the form for comparing.
  std::string folded() const;

  friend bool operator==(const WireName& left, const WireName& right) { return left.folded() == right.folded(); }

 private:
  std::string bytes_;
};

}  // namespace sallyport::dns
