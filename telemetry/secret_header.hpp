// What of a header may stand in the log: never a credential, also where an operator's list names its header.
#pragma once
#include <string>
#include <string_view>

namespace sallyport {

// The value as it is recorded: "[redacted]" where the name or the value is a credential's, without its query and
// fragment where it is a URL.
std::string without_secrets(std::string_view name, std::string_view value);

}  // namespace sallyport
