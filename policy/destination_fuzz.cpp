// What is read writes to a text that reads back as the same, and needs no default port.
#include "policy/destination.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace sallyport;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto destination = parse_authority(text, 443);
  if (!destination) {
    if (parse_authority(text, 0)) std::abort();
    return 0;
  }
  if (destination->port == 0) std::abort();
  if (parse_authority(destination->text(), 0).value() != *destination) std::abort();
  if (destination->host.address() != nullptr &&
      Address::parse(destination->host.text()).value() != *destination->host.address()) {
    std::abort();
  }
  return 0;
}
