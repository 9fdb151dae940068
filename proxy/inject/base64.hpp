// Base64 (RFC 4648, 4).
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace sallyport {

std::string to_base64(std::string_view bytes);
// The padding may be missing. Anything else that is no base64: nothing.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace sallyport
