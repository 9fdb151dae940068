// What the log says of a request before its answer is known.
#pragma once
#include "proxy/config.hpp"
#include "proxy/wire/http_head.hpp"
#include "telemetry/event.hpp"

#include <string>

namespace sallyport {

HttpEvent event_of(const wire::RequestHead& head, std::string scheme, const AuditConfig& config);

}  // namespace sallyport
