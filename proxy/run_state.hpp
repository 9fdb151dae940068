// What one user's runs share, though they run at one time: the key that signs their logs, and the CA.
#pragma once
#include "proxy/config.hpp"
#include "proxy/inspection/inspection.hpp"
#include "telemetry/audit_log.hpp"
#include "telemetry/counters.hpp"
#include "telemetry/otlp_exporter.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace sallyport {

// Each makes in `state`, the user's folder, what is not there yet, one process at a time. Throws std::runtime_error.

// One key for all runs, so that whoever has its public half can verify any of their logs. See open_log().
std::unique_ptr<AuditLog> open_run_log(Config config, const std::string& state, EventCounters& counted,
                                       OtlpExporter* otlp);
// One CA, so that somebody may trust it for good.
std::unique_ptr<const Inspection> open_run_inspection(Config config, const std::string& state);

// A folder of its own for a run that begins now: what it keeps, and its log unless another was named.
std::string run_folder(const std::string& state);
// Removes such folders that began longer ago than `keep`, with their logs.
void forget_old_runs(const std::string& state, std::chrono::milliseconds keep);

}  // namespace sallyport
