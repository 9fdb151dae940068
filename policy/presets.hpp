// Groups that ship in the binary, for "@preset/NAME".
#pragma once
#include <span>
#include <string_view>
#include <vector>

namespace sallyport {

// Patterns as in policy.yaml, with `public_suffix: true` understood; empty where there is no such preset.
std::span<const std::string_view> preset(std::string_view name);
std::vector<std::string_view> preset_names();

}  // namespace sallyport
