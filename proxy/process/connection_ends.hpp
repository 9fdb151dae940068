// A TCP connection, as the client's own kernel has it.
#pragma once
#include "policy/address.hpp"

#include <cstdint>

namespace sallyport {

// `server` is what the client dialled: whatever a redirect made of it later, its socket doesn't know.
struct ConnectionEnds {
  Address client;
  std::uint16_t client_port = 0;
  Address server;
  std::uint16_t server_port = 0;
};

}  // namespace sallyport
