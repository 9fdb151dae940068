// "sallyport-secret:NAME": what an agent writes in a header where it would write a secret that it must not know.
#pragma once
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport {

inline constexpr std::string_view placeholder_prefix = "sallyport-secret:";

// What stands for the secret of this name; nothing: this request is not given it, and its placeholder stays as it is.
using FindSecret = std::function<std::optional<std::string_view>(std::string_view name)>;

// A name ends where no letter, digit, "-", "_" or "." follows. What was put in is not looked at again. Returns how many
// were replaced.
std::size_t replace_placeholders(std::string& text, const FindSecret& find);

// The same in a header's value; in Basic credentials also inside their base64.
std::size_t replace_in_field(std::string_view name, std::string& value, const FindSecret& find);

}  // namespace sallyport
