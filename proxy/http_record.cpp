#include "proxy/http_record.hpp"

namespace sallyport {

HttpEvent event_of(const wire::RequestHead& head, std::string scheme, const AuditConfig& config) {
  HttpEvent event;
  event.method = head.method;
  event.scheme = std::move(scheme);
  event.version = head.minor == 0 ? "1.0" : "1.1";
  event.path = head.target.path;
  if (const auto* agent = wire::find_field(head.fields, "User-Agent")) event.user_agent = agent->value;
  for (const auto& wanted : config.headers) {
    for (const auto& field : head.fields) {
      if (wire::equals_ignoring_case(field.name, wanted)) event.headers.emplace_back(wanted, field.value);
    }
  }
  return event;
}

}  // namespace sallyport
