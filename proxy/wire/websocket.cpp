#include "proxy/wire/websocket.hpp"

#include <boost/uuid/detail/sha1.hpp>

#include <array>
#include <optional>

namespace sallyport::wire {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::size_t digest_bytes = 20;
constexpr unsigned digest_bits = digest_bytes * 8;

// The only value of that name; nothing where there is none, or several.
std::optional<std::string> only(const Fields& fields, std::string_view name) {
  std::optional<std::string> value;
  for (const Field& field : fields) {
    if (!equals_ignoring_case(field.name, name)) continue;
    if (value) return std::nullopt;
    value = field.value;
  }
  return value;
}

// Base64 of 20 bytes: 26 digits of six bits, a last one of four, one padding.
std::string base64(const std::array<std::uint8_t, digest_bytes>& digest) {
  std::string text;
  for (unsigned at = 0; at < digest_bits; at += 6) {
    unsigned six = 0;
    for (unsigned bit = at; bit < at + 6; ++bit) {
      const unsigned byte = bit < digest_bits ? digest[bit / 8] : 0U;
      six = six << 1U | (byte >> (7U - bit % 8U) & 1U);
    }
    text += alphabet[six];
  }
  return text + '=';
}

}  // namespace

std::string websocket_accept(std::string_view key) {
  boost::uuids::detail::sha1 hash;
  constexpr std::string_view suffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  hash.process_bytes(key.data(), key.size());
  hash.process_bytes(suffix.data(), suffix.size());
  boost::uuids::detail::sha1::digest_type words{};
  hash.get_digest(words);
  std::array<std::uint8_t, digest_bytes> digest{};
  for (std::size_t each = 0; each < digest.size(); ++each)
    digest[each] = static_cast<std::uint8_t>(words[each / 4] >> (24U - 8U * (each % 4)) & 0xffU);
  return base64(digest);
}

bool answers_websocket(const RequestHead& request, const ResponseHead& response) {
  const auto key = only(request.fields, "Sec-WebSocket-Key");
  const auto accept = only(response.fields, "Sec-WebSocket-Accept");
  return key && accept && !key->empty() && *accept == websocket_accept(*key);
}

}  // namespace sallyport::wire
