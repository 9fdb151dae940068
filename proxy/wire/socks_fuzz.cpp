#include "proxy/wire/socks.hpp"

#include <cstdlib>

namespace wire = sallyport::wire;

namespace {

template <class Parse>
void check(std::span<const std::uint8_t> bytes, Parse parse) {
  const auto whole = parse(bytes);
  if (whole && (whole->consumed == 0 || whole->consumed > bytes.size())) std::abort();
  for (std::size_t length = 0; length <= bytes.size() && length < 600; ++length) {
    const auto part = parse(bytes.first(length));
    if (!part && part.error() == wire::SocksFault::need_more) continue;
    if (part.has_value() != whole.has_value()) std::abort();
    if (part ? part->consumed != whole->consumed : part.error() != whole.error()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  check(bytes, [](auto part) { return wire::parse_socks4_request(part); });
  check(bytes, [](auto part) { return wire::parse_socks5_request(part); });
  check(bytes, [](auto part) { return wire::parse_socks5_greeting(part); });
  check(bytes, [](auto part) { return wire::parse_socks5_credentials(part); });
  return 0;
}
