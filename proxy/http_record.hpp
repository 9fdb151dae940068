// What the log says of requests.
#pragma once
#include "proxy/config.hpp"
#include "proxy/connection_record.hpp"
#include "proxy/wire/http_head.hpp"
#include "telemetry/event.hpp"

#include <optional>
#include <string>

namespace sallyport {

// Before its answer is known.
HttpEvent event_of(const wire::RequestHead& head, std::string scheme, const AuditConfig& config);

void name_record(ConnectionRecord& record, const Destination& to, NameFrom from);

// The requests of one connection, one after another: each that was understood is written once, whatever becomes of it.
class RequestLog {
 public:
  explicit RequestLog(AuditLog& log) : log_(log) {}

  // One has begun; `record` is that of the connection it is on.
  void began(HttpEvent event, const ConnectionRecord& record);
  // What `record` has moved since.
  Traffic moved(const ConnectionRecord& record) const;
  void write(HttpEvent event);
  // It is counted elsewhere.
  void forget() { unwritten_.reset(); }
  // It was ended in the middle, by us or by its client. Nothing where none is under way.
  void cut_short(const ConnectionRecord& record, ClosedBy by);

 private:
  AuditLog& log_;
  std::optional<HttpEvent> unwritten_;
  Traffic before_;
};

// For its `status_detail`.
std::string cut_short(ClosedBy by);

}  // namespace sallyport
