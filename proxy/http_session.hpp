// HTTP/1, plain or inspected: every request of a kept-alive connection is parsed, decided and forwarded by itself.
#pragma once
#include "proxy/agent_identity.hpp"
#include "proxy/attempt.hpp"
#include "proxy/consent.hpp"
#include "proxy/refusal.hpp"
#include "proxy/session.hpp"
#include "proxy/upstream_pool.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sallyport {

// What was done before there was a request, where any would be allowed.
struct DialledFirst {
  Attempt as;  // stands for every request there may be
  // By TLS; or why there is none, which is the first request's to be told.
  std::optional<UpstreamPool::Dialled> upstream{};
  std::optional<Refusal> trouble{};
};

// What the requests of one client have in common.
struct RequestsShare {
  UpstreamPool& upstreams;
  std::optional<Attempt> last;  // that was let in
};

// A connection that is already for one destination (inside CONNECT or SOCKS, or steered here).
struct HttpBinding {
  Destination to;
  NameFrom from = NameFrom::address;
  std::unique_ptr<ConnectionRecord> record;  // begun, perhaps open
  std::optional<Connection> upstream;        // where it has been dialled, without TLS
  std::vector<std::string> answered;         // what was answered for the connection as a whole, see Attempt
  std::shared_ptr<Consent> consent;          // and the grants it lives on
  // The client's TLS ends here: requests are https, and go on by TLS to a server that proves to be `to`.
  bool inspected = false;
  bool ech = false;
  RuleLimits named_limits{};        // of the rule that allows what its SNI says, where that is another host
  std::string version{};            // of HTTP as the client speaks it; empty: as its head says
  RequestsShare* shared = nullptr;  // where it is one of many requests at one time; outlives the session
  Admission::Permit rule_permit{};  // of `upstream`
  std::optional<DialledFirst> first{};
};

// The explicit door's HTTP: absolute-form requests and CONNECT. `identity` is what the address says.
Task<> serve_http_proxy(Session& session, const Identity& identity);
// HTTP inside a connection that is bound to one destination.
Task<> serve_http(Session& session, HttpBinding binding);

}  // namespace sallyport
