// Counts what the audit log recorded, for Prometheus and OTLP. Labels are our own words: a host name never is one.
#pragma once
#include "telemetry/event.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace sallyport {

// One number as it is now.
struct Measure {
  enum class Kind { counter, gauge };
  using Labels = std::vector<std::pair<std::string, std::string>>;
  std::string name, help, unit;  // Prometheus' name: "sallyport_connections_total"; the unit as UCUM has it: "By"
  Kind kind = Kind::counter;
  Labels labels;
  double value = 0;
};

// add() by the audit log's thread, measures() by any.
class EventCounters {
 public:
  void add(const Event& event);
  std::vector<Measure> measures() const;

 private:
  using Key = std::pair<std::string, Measure::Labels>;
  void count(const char* name, Measure::Labels labels, std::uint64_t by = 1);
  void tally(const ConnectionEvent& event);
  void tally(const HttpEvent& event);
  void tally(const DnsEvent& event);
  void tally(const ApiEvent& event);
  void tally(const LifecycleEvent&) {}
  void tally(const PolicyEvent& event);

  mutable std::mutex mutex_;
  std::map<Key, std::uint64_t> counts_;
  // By rcode, the last one of all others: the most frequent record by far is not worth a look-up by name.
  std::array<std::uint64_t, 7> queries_{};
};

}  // namespace sallyport
