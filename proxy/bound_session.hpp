// A connection that asked for one destination: CONNECT, SOCKS, or steered here. DESIGN section 3 from "where to" on.
#pragma once
#include "dns/leases.hpp"
#include "proxy/attempt.hpp"
#include "proxy/session.hpp"

namespace sallyport {

struct BoundTo {
  Destination to;
  NameFrom from = NameFrom::address;
  std::string correlation;  // of the lease, else new
  dns::LeasePin pin{};      // keeps the lease for as long as the connection lives
};

// Becomes the session's next step: it begins once the one at hand has returned.
void then_serve_bound(Session& session, BoundTo bound, Voice voice);

}  // namespace sallyport
