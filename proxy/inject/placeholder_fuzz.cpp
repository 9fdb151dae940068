// Whatever an agent writes: a value stays one line, a secret it is not given never turns up, and one that went in is
// masked on the way back.
#include "proxy/inject/base64.hpp"
#include "proxy/inject/placeholder.hpp"
#include "proxy/inject/query.hpp"
#include "proxy/inject/reflection.hpp"

#include <cstdint>
#include <cstdlib>

namespace {

constexpr std::string_view given = "s3cr3t/+value", kept = "another0secret";

std::optional<std::string_view> find(std::string_view name) {
  return name == "given" ? std::optional(given) : std::nullopt;
}

void check(std::string_view name, std::string value) {
  using namespace sallyport;
  const bool had_it = value.find(given) != value.npos;
  const bool had_kept = value.find(kept) != value.npos;
  const std::size_t count = replace_in_field(name, value, find);
  if (!had_it && count == 0 && value.find(given) != value.npos) std::abort();
  if (!had_kept && value.find(kept) != value.npos) std::abort();
  if (value.find_first_of(std::string_view("\r\n\0", 3)) != value.npos) std::abort();
  static const Reflection reflection({{"given", *SecretValue::parse(std::string(given))}});
  if (reflection.masked(value).find(given) != std::string::npos) std::abort();
  for (const std::string_view before : {"", "a", "ab"}) {
    const std::string back = reflection.masked(to_base64(std::string(before) + std::string(given) + value));
    if (back.find("sallyport-secret:given") == back.npos) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  check("Cookie", text);
  check("Authorization", "Basic " + text);
  check("Authorization", "Basic " + sallyport::to_base64(text));
  const std::string query = sallyport::with_parameter(text, "key", given);
  if (sallyport::with_parameter(query, "key", given) != query) std::abort();
  return 0;
}
