// Steps 6 of a connection's life: resolve, drop forbidden addresses, connect only to an address just checked.
#pragma once
#include "net/connection.hpp"
#include "proxy/attempt.hpp"
#include "proxy/refusal.hpp"
#include "proxy/services.hpp"

#include <memory>
#include <vector>

namespace sallyport {

// Where to dial for an allowed attempt.
struct Route {
  std::vector<asio::ip::tcp::endpoint> endpoints;  // checked; or the parent proxy's own
  bool by_parent = false;
  std::string parent_target;  // what the parent is asked for: "host:port", or a checked address and port
};

template <class T>
using Refused = boost::system::result<T, Refusal>;
[[noreturn]] void throw_exception_from_error(const Refusal& refusal, const boost::source_location& where);

// An address of this host, as its interfaces are now.
bool is_own_address(const Address& address);

// Resolves and checks. The first packet about the destination leaves here, so the verdict must stand. Who came by an
// attached `door` may mean this host's loopback by host.sallyport.internal.
Task<Refused<Route>> find_route(Services& services, std::shared_ptr<const Policy> policy, Attempt attempt,
                                Verdict verdict, Door door);

enum class ParentUse { tunnel, absolute_form };
// Connects; through a parent proxy as a tunnel, unless the request itself will be sent to it in absolute form.
Task<Refused<Connection>> connect_route(Services& services, Route route, ParentUse use);

}  // namespace sallyport
