// The network inside: lo, where every address there is leads to this sandbox itself, and the doors on it.
#pragma once
#include "proxy/sandbox/sandbox.hpp"

namespace sallyport {

// Acts on the network namespace of the calling process and needs CAP_NET_ADMIN in it.
// Nothing rests on the nftables rules: with them flushed a connection meets a reset, since no route leads out.
Outcome<SandboxSockets> make_network();

}  // namespace sallyport
