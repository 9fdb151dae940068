// Descriptors in the messages of a unix socket (SCM_RIGHTS).
#pragma once
#include "net/descriptor.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace sallyport {

inline constexpr std::size_t most_in_a_message = 8;

// One message, with so many descriptors at most; none is none of them. False: it was not sent.
bool send_with_descriptors(int socket, std::string_view bytes, const std::vector<int>& descriptors);

struct WithDescriptors {
  std::size_t size = 0;  // of the message, which may be more than what was kept of it
  bool is_cut = false;   // it, or what came with it
  std::vector<Descriptor> descriptors;
};

// The next message into `bytes`; 0 is the end of a connection. nullopt: an error.
std::optional<WithDescriptors> receive_with_descriptors(int socket, std::span<char> bytes);

}  // namespace sallyport
