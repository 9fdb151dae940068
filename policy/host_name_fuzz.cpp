// What is read is canonical, in every sense of the header, and reads back as itself.
#include "policy/host_name.hpp"
#include "policy/pattern.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace sallyport;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto pattern = parse_pattern(text)) {
    if (parse_pattern(pattern->text()).value() != *pattern) std::abort();
  }
  const auto name = HostName::parse(text);
  if (is_plainly_canonical(text) && (!name || name->text() != text)) std::abort();
  if (!name) return 0;
  const std::string& canonical = name->text();
  if (canonical.empty() || canonical.size() > 253) std::abort();
  if (canonical.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.") != canonical.npos) std::abort();
  if (Address::parse(canonical)) std::abort();
  if (HostName::parse(canonical).value() != *name) std::abort();
  return 0;
}
