#include "proxy/wire/client_hello.hpp"
#include "proxy/wire/identify.hpp"

#include <cstdlib>

namespace wire = sallyport::wire;

namespace {

// A decided answer never changes when more bytes come.
void check_prefix(std::span<const std::uint8_t> whole, std::size_t length) {
  const auto part = wire::parse_client_hello(whole.first(length));
  if (!part && part.error() == wire::HelloFault::need_more) return;
  const auto all = wire::parse_client_hello(whole);
  if (part.has_value() != all.has_value()) std::abort();
  if (!part && part.error() != all.error()) std::abort();
  if (part && part->ja4_raw.text() != all->ja4_raw.text()) std::abort();
  if (part && part->server_name != all->server_name) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  const auto hello = wire::parse_client_hello(bytes);
  if (hello && hello->server_name && hello->server_name->empty()) std::abort();
  for (const std::size_t part : {size / 4, size / 2, size - size / 8}) {
    check_prefix(bytes, part);
    const auto first = wire::identify(bytes.first(part));
    if (first != wire::FirstBytes::need_more && first != wire::identify(bytes)) std::abort();
  }
  return 0;
}
