// Audit records and counters as OTLP (JSON encoding of OpenTelemetry's protocol 1.x), by the names of its semantic
// conventions where they have one. Pure: text in, text out.
#pragma once
#include "telemetry/counters.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

struct OtlpResource {
  std::string instance;  // service.instance.id
};

// A line of the audit log, and when it was written.
struct ObservedLine {
  std::string text;
  WallClock::time_point observed;
};

// An ExportLogsServiceRequest with one record for each line; its body is the line, byte for byte, so that a copy at
// the collector can be verified as the file can.
std::string otlp_logs(const OtlpResource& resource, std::span<const ObservedLine> lines);

// An ExportMetricsServiceRequest: counters as cumulative sums since `started`, gauges as they are.
std::string otlp_metrics(const OtlpResource& resource, const std::vector<Measure>& measures,
                         WallClock::time_point started, WallClock::time_point now);

// How many records a collector's reply says that it did not take, with its message; zero where it took all.
struct OtlpPartial {
  std::uint64_t rejected = 0;
  std::string message;
};
OtlpPartial partial_of(std::string_view reply);

}  // namespace sallyport
