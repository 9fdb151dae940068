// How telemetry reaches its collector: HTTP by POST, over TLS that is verified where the address says https.
#pragma once
#include "approvals/notify/options.hpp"
#include "telemetry/otlp_exporter.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

// "http://127.0.0.1:4318", with a path in front of /v1/logs or without one. The collector is the operator's own:
// plain HTTP to another machine is theirs to choose.
Outcome<WebUrl> parse_otlp_endpoint(std::string_view text);

// To be used by one thread; interrupt() from any. `upstream` are the DNS servers to find the collector by, empty: the
// system's. Throws std::runtime_error where the roots can't be used.
std::unique_ptr<OtlpTransport> otlp_over_http(const EndpointOptions& collector, std::vector<std::string> upstream);

}  // namespace sallyport
