#include "approvals/state.hpp"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <stdexcept>

namespace sallyport {

std::string new_id(const char* prefix) {
  constexpr std::string_view digits = "0123456789abcdefghjkmnpqrstvwxyz";
  std::array<unsigned char, 26> random{};
  // Up to 256 bytes come whole or not at all.
  while (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    if (errno != EINTR) throw std::runtime_error("the kernel gives no random bytes");
  }
  std::string id = prefix;
  for (const unsigned char byte : random) id += digits[byte & 31U];
  return id;
}

}  // namespace sallyport
