// What the daemon records with: the audit log, what is counted of it, and the copy that a collector gets.
#pragma once
#include "console/backend.hpp"
#include "policy/policy.hpp"
#include "proxy/admission.hpp"
#include "proxy/config.hpp"
#include "telemetry/audit_log.hpp"
#include "telemetry/counters.hpp"
#include "telemetry/event.hpp"
#include "telemetry/otlp_exporter.hpp"

#include <memory>
#include <string>
#include <vector>

namespace sallyport {

// Null where no collector is configured. `counted` outlives it.
std::unique_ptr<OtlpExporter> open_exporter(const Config& config, const EventCounters& counted);

// Everything that is recorded is counted, and handed to `otlp` (null: to nobody); both outlive the log. Throws
// std::runtime_error where the log can't be used.
std::unique_ptr<AuditLog> open_log(const Config& config, EventCounters& counted, OtlpExporter* otlp);

// What has become of Sallyport itself. Where the log can't take it, the log says so by itself.
void record_lifecycle(LifecycleEvent::Kind kind, std::string detail, const Policy& policy, AuditLog& audit);

// What was refused past its agent's rate since the last time, as one record for each agent.
void record_floods(Admission& admission, const Policy& policy, AuditLog& audit);

// For Prometheus.
std::vector<Metric> metrics_of(const EventCounters& counted, const OtlpExporter* otlp);

}  // namespace sallyport
