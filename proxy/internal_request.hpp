// What agents send to sallyport.internal, read strictly: bytes in, values or a plain complaint out.
#pragma once
#include "policy/policy.hpp"
#include "telemetry/event.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport {

// POST /v1/access {to, method?, reason}.
struct AccessRequest {
  Destination to;
  Spoken spoken = Spoken::tls;              // what the connection will speak
  std::optional<std::string> method, path;  // of plain HTTP, where requests are seen
  std::string reason;                       // the agent's words
};
// `to` is a URL, or HOST:PORT (port 443 where it is left out).
Outcome<AccessRequest> read_access_request(std::string_view body);

// PUT /v1/context {session?, tool_call?, tool?, reason?, traceparent?}.
Outcome<AgentContext> read_context(std::string_view body);

// "wait=30s" of a query string: 0 without one, never more than a minute.
Outcome<std::chrono::milliseconds> read_wait(const std::optional<std::string>& query);

}  // namespace sallyport
