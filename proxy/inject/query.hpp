// The query of a URL, as its parameters.
#pragma once
#include <string>
#include <string_view>

namespace sallyport {

// `query` (without "?") with the parameter `name` once, with this value, percent-encoded: in place of the first that
// has the name however it is written, the others left out; else at the end. What else stands there stays as it is.
std::string with_parameter(std::string_view query, std::string_view name, std::string_view value);

// All but unreserved characters (RFC 3986, 2.3) as %XX.
std::string percent_encode(std::string_view text);

}  // namespace sallyport
