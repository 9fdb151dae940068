// The ClientHello's bytes, gathered out of the TLS records they came in.
#pragma once
#include "proxy/wire/client_hello.hpp"

#include <boost/system/result.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace sallyport::wire {

// The message's body, without its four bytes of handshake header. Reads strictly from left to right, so that a fault
// found in a prefix is the fault of the whole.
boost::system::result<std::vector<std::uint8_t>, HelloFault> gather_hello(std::span<const std::uint8_t> stream);

}  // namespace sallyport::wire
