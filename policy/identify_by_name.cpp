#include "policy/identify_by_name.hpp"

namespace sallyport {

std::optional<FileIdentity> identify_by_name(const std::string& path) {
  // FNV-1a; and a device that no kernel gives.
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : path) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return FileIdentity{~std::uint64_t{0}, hash};
}

}  // namespace sallyport
