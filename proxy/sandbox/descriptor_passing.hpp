// Descriptors over a unix socket of whole messages (SOCK_SEQPACKET).
#pragma once
#include "policy/result.hpp"
#include "proxy/sandbox/sandbox.hpp"

#include <optional>
#include <string>
#include <vector>

namespace sallyport {

inline constexpr std::size_t most_passed_descriptors = 7;

// One byte and the descriptors, at most so many. false: nobody hears it.
bool send_descriptors(int channel, char word, const std::vector<int>& all);

// One message's text, at most 4 KiB of it, never empty; its descriptors are appended. nullopt: the other end has gone.
std::optional<std::string> receive_descriptors(int channel, std::vector<OwnedFd>& descriptors);

}  // namespace sallyport
