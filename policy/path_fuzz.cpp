// Canonical paths stay canonical, and what an allow matches a deny of the same pattern matches too.
#include "policy/path.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sallyport;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view path = text.substr(0, text.find('\n'));
  const std::string_view glob = path.size() < text.size() ? text.substr(path.size() + 1) : "/a/**";
  const PathReadings readings = read_path(path);
  if (!readings.ambiguous && read_path(readings.canonical).canonical != readings.canonical) std::abort();
  if (const auto pattern = PathPattern::parse(glob)) {
    if (pattern->allows(readings) && !pattern->catches(readings)) std::abort();
    // Whoever reads the path once before it is sent on reads nothing into it that escapes a deny.
    if (!readings.unreadable && pattern->allows(read_path(readings.canonical)) && !pattern->catches(readings)) {
      std::abort();
    }
  }
  return 0;
}
