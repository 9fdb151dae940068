// The doors: what each does with a connection it has accepted, up to "where to".
#pragma once
#include "proxy/agent_identity.hpp"
#include "proxy/session.hpp"

namespace sallyport {

// One port that speaks HTTP proxy and SOCKS, told apart by the first byte.
Task<> serve_explicit(Session& session, const Identity& identity);

// A connection steered here by nftables. One that was not is refused.
Task<> serve_transparent(Session& session, Steering steering);

}  // namespace sallyport
