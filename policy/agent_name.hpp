// What an agent may be called.
#pragma once
#include <algorithm>
#include <string_view>

namespace sallyport {

// 1 to 64 letters, digits, "-", "_" and ".".
inline bool is_agent_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  };
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), allowed);
}

}  // namespace sallyport
