// `secrets:` of a policy: where values come from. No value is read here.
#pragma once
#include "policy/load_context.hpp"

namespace sallyport {

// Into context.secrets, by name.
void load_secrets(const YamlNode& node, LoadContext& context);
// Once the rules have been read.
void warn_of_unused_secrets(const YamlNode& node, LoadContext& context);

// 1 to 64 letters, digits, "-", "_" and ".".
bool is_secret_name(std::string_view name);

}  // namespace sallyport
