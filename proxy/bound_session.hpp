// A connection that asked for one destination: CONNECT, SOCKS, or steered here. DESIGN section 3 from "where to" on.
#pragma once
#include "proxy/attempt.hpp"
#include "proxy/session.hpp"

namespace sallyport {

struct BoundTo {
  Destination to;
  NameFrom from = NameFrom::address;
  std::string correlation;  // of the lease, else new
};

Task<> serve_bound(Session& session, BoundTo bound, Voice voice);

}  // namespace sallyport
