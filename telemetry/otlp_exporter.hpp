// Sends what stands in the audit log to an OpenTelemetry collector, as OTLP/HTTP logs. The file is the log, this is a
// copy: nothing here ever keeps the log or a connection waiting, and a collector that is slow or gone loses the oldest
// of what waits, counted.
#pragma once
#include "policy/result.hpp"
#include "telemetry/otlp.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace sallyport {

struct OtlpReply {
  unsigned status = 0;
  std::string body;
  std::chrono::seconds retry_after{};  // zero: the collector did not say
};

class OtlpTransport {
 public:
  virtual ~OtlpTransport() = default;
  // One try to POST `body` to "/v1/logs" or "/v1/metrics"; it has a time limit.
  virtual Outcome<OtlpReply> post(const std::string& path, const std::string& body) = 0;
  // From another thread: the post under way, and every later one, fails at once.
  virtual void interrupt() = 0;
};

struct OtlpOptions {
  std::string name = "otlp";  // in what is told to the operator: the collector's address
  OtlpResource resource;
  std::size_t waiting = 32768;            // records; of more, the oldest go
  std::size_t waiting_bytes = 32U << 20;  // of their text, likewise
  std::size_t batch = 512, batch_bytes = 1U << 20;
  std::chrono::milliseconds linger = std::chrono::seconds(1);  // how long a record waits for others
  std::chrono::milliseconds first_pause = std::chrono::seconds(1), longest_pause = std::chrono::seconds(30);
  std::chrono::milliseconds goodbye = std::chrono::milliseconds(1500);  // how long stop() lets the rest be sent
  std::chrono::milliseconds metrics_every = std::chrono::minutes(1);
  std::function<std::vector<Measure>()> metrics;          // empty: none are sent
  std::function<void(const std::string& sentence)> warn;  // on the exporter's thread, once for each outage
};

struct OtlpCounters {
  std::uint64_t sent = 0;      // records the collector took
  std::uint64_t dropped = 0;   // that made room for newer ones, or were left at the end
  std::uint64_t rejected = 0;  // that the collector would not take
  std::uint64_t waiting = 0;
};

std::vector<Measure> measures_of(const OtlpCounters& counters);

// It owns a thread. line() and synced() are called by the audit log's thread, counters() by any, stop() by the owner's.
class OtlpExporter {
 public:
  OtlpExporter(std::unique_ptr<OtlpTransport> transport, OtlpOptions options);
  // Stops as stop() does.
  ~OtlpExporter();

  // Never waits for the collector. The record leaves once synced() says that it is on disk.
  void line(std::uint64_t sequence, std::string_view line);
  void synced(std::uint64_t sequence);

  OtlpCounters counters() const;
  // Sends what is left, if the collector takes it at once, and ends.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sallyport
