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

void name_record(ConnectionRecord& record, const Destination& to, NameFrom from) {
  record.origin.host = to.host.text();
  record.origin.port = to.port;
  record.origin.name_from = from;
}

std::string cut_short(ClosedBy by) {
  return std::string("cut short, closed by: ") + word_of(by);
}

void RequestLog::began(HttpEvent event, const ConnectionRecord& record) {
  unwritten_ = std::move(event);
  before_ = Traffic{record.counters.down, record.counters.up};
}

Traffic RequestLog::moved(const ConnectionRecord& record) const {
  return Traffic{record.counters.down - before_.in, record.counters.up - before_.out};
}

void RequestLog::write(HttpEvent event) {
  unwritten_.reset();
  // A lost record is counted by the log and told of when writing works again.
  static_cast<void>(log_.append(std::move(event)));
}

void RequestLog::cut_short(const ConnectionRecord& record, ClosedBy by) {
  if (!unwritten_) return;
  HttpEvent event = std::move(*unwritten_);
  event.origin = record.origin;
  event.origin.time = WallClock::now();
  event.held = record.held();
  event.traffic = moved(record);
  event.status_detail = sallyport::cut_short(by);
  write(std::move(event));
}

}  // namespace sallyport
