#include "approvals/json.hpp"
#include "console/answers.hpp"
#include "console/metrics_text.hpp"
#include "console/page_files.hpp"

#include <boost/json/array.hpp>

namespace sallyport {
namespace {

DaemonStatus status_of(const Desk& desk) {
  if (desk.backend.status) return desk.backend.status();
  DaemonStatus unknown;
  unknown.guarding = false;
  return unknown;
}

boost::json::object audit_json(const AuditLog& audit) {
  const auto counters = audit.counters();
  return {{"healthy", audit.healthy()},
          {"path", audit.options().path},
          {"records", counters.sequence},
          {"dropped", counters.dropped},
          {"errors", counters.errors}};
}

Metric gauge(const char* name, const char* help, std::uint64_t value) {
  return {name, help, Metric::Kind::gauge, {}, static_cast<double>(value)};
}

Metric counter(const char* name, const char* help, std::uint64_t value) {
  return {name, help, Metric::Kind::counter, {}, static_cast<double>(value)};
}

}  // namespace

ApiResponse show_status(const Desk& desk, const ApiRequest& request) {
  const auto status = status_of(desk);
  const auto counts = desk.backend.approvals.counts();
  boost::json::array listening;
  for (const auto& each : status.listening) listening.push_back({{"door", each.door}, {"address", each.address}});
  const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(WallClock::now() - status.started);
  const boost::json::object body{
      {"version", SALLYPORT_VERSION},
      {"started", time_text(status.started)},
      {"uptime_seconds", uptime.count()},
      {"listening", std::move(listening)},
      {"guarding", status.guarding},
      {"draining", status.draining},
      {"audit", audit_json(desk.backend.audit)},
      {"policy", {{"uid", desk.backend.policy()->uid()}, {"path", desk.backend.policy_path}}},
      {"counts",
       {{"connections", status.connections},
        {"held", counts.held},
        {"pending", counts.pending},
        {"grants", counts.grants}}},
      {"attended", desk.backend.approvals.attended()},
      {"defaults", {{"grant", duration_text(desk.backend.limits.grant)}}},
      {"you",
       {{"name", request.caller.name}, {"role", word_of(request.caller.role)}, {"through", request.caller.through}}}};
  return json_response(body);
}

ApiResponse show_health(const Desk&, const ApiRequest&) {
  return json_response(boost::json::object{{"status", "ok"}});
}

ApiResponse show_readiness(const Desk& desk, const ApiRequest&) {
  const auto status = status_of(desk);
  if (!status.guarding) return problem(503, "interception is not in force");
  if (!desk.backend.audit.healthy()) return problem(503, "the audit log cannot be written");
  if (status.draining) return problem(503, "stopping");
  return json_response(boost::json::object{{"status", "ready"}});
}

ApiResponse show_metrics(const Desk& desk, const ApiRequest&) {
  const auto status = status_of(desk);
  const auto counts = desk.backend.approvals.counts();
  const auto audit = desk.backend.audit.counters();
  std::vector<Metric> metrics{
      gauge("sallyport_approvals_pending", "Questions nobody has answered yet.", counts.pending),
      gauge("sallyport_connections_held", "Connections that wait for an answer.", counts.held),
      gauge("sallyport_grants_active", "Answers in force.", counts.grants),
      gauge("sallyport_connections_active", "Open connections, held ones among them.", status.connections),
      gauge("sallyport_guarding", "1 while interception is in force.", status.guarding ? 1 : 0),
      gauge("sallyport_audit_healthy", "1 while the audit log can be written.", desk.backend.audit.healthy() ? 1 : 0),
      gauge("sallyport_audit_queue_length", "Records waiting for the disk.", audit.queued),
      counter("sallyport_audit_records_total", "Records written.", audit.written),
      counter("sallyport_audit_written_bytes_total", "Bytes written.", audit.bytes),
      counter("sallyport_audit_dropped_total", "Records lost.", audit.dropped),
      counter("sallyport_audit_errors_total", "Failed writes, syncs and rotations.", audit.errors),
      {"process_start_time_seconds",
       "When the daemon started, in seconds since 1970.",
       Metric::Kind::gauge,
       {},
       static_cast<double>(WallClock::to_time_t(status.started))},
      {"sallyport_build_info", "The version, as a label.", Metric::Kind::gauge, {{"version", SALLYPORT_VERSION}}, 1}};
  if (desk.backend.metrics) {
    auto more = desk.backend.metrics();
    metrics.insert(metrics.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  return {200, "text/plain; version=0.0.4; charset=utf-8", metrics_text(metrics), {}};
}

ApiResponse show_openapi(const Desk&, const ApiRequest&) {
  return {200, "application/json", std::string(openapi_document()), {}};
}

}  // namespace sallyport
