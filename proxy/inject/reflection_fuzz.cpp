// A host that knows a secret and writes it, in ways that the input chooses, amid what else the input says: no head
// shows it. And whatever it writes, masking ends in a bounded time and makes no head that was none.
#include "proxy/inject/reflection.hpp"
#include "proxy/inject/written_for_test.hpp"

#include <cstdint>
#include <cstdlib>

namespace {

using namespace sallyport;

constexpr std::string_view put = "sallyport-secret:s";

std::string field_text(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  static const std::string secret = "s3cr3t/+Value%41";
  static const Reflection reflection({{"s", *SecretValue::parse(secret)}});
  const std::string written = ways[data[0] % ways.size()].write(ways[data[1] % ways.size()].write(secret));
  const std::string rest(reinterpret_cast<const char*>(data + 3), size - 3);
  const std::size_t cut = rest.size() * data[2] / 255;
  // The blank keeps the rest from becoming a part of it.
  const std::string before = field_text(rest.substr(0, cut)), after = field_text(rest.substr(cut));
  if (reflection.masked(before + " " + written + " " + after).find(put) == std::string::npos) std::abort();
  wire::Fields fields{{"a", before}, {"b", written.substr(0, written.size() / 2)}};
  fields.push_back({"c", written.substr(written.size() / 2)});
  fields.push_back({"d", after});
  reflection.mask(fields);
  if (fields.size() != 4) std::abort();
  for (const auto& field : fields) {
    if (field.value != field_text(field.value)) std::abort();
    if (field.value.find(secret) != std::string::npos) std::abort();
  }
  if (fields[1].value != put && fields[2].value != put) std::abort();
  return 0;
}
