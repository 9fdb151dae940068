// An auditor's page: who reached what, why, who approved it, and is this log complete?
#pragma once
#include "telemetry/log_filter.hpp"
#include "telemetry/log_reader.hpp"
#include "telemetry/verify.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace sallyport {

struct Seen {
  std::optional<WallClock::time_point> first, last;
  void note(WallClock::time_point time);
};

// How often, by what: "rule policy.yaml:12", "guard", "approval ap-1 by alice". At most 16; the rest is `beyond`.
struct Deciders {
  std::map<std::string, std::uint64_t> counts;
  std::uint64_t beyond = 0;
  void note(const std::string& decider, std::uint64_t count);
};

// What one agent and one destination had to do with each other.
struct DestinationUse {
  std::uint64_t connections = 0, requests = 0, held = 0, refused = 0, failed = 0;
  Traffic traffic;
  Seen seen;
  Deciders let_by, refused_by;
};

struct AgentUse {
  Seen seen;
  std::uint64_t records = 0, lookups = 0;
  std::set<std::string> programs;  // at most 16
  std::map<std::pair<std::string, std::uint16_t>, DestinationUse> destinations;
  std::optional<DestinationUse> others;  // all destinations beyond those that are told apart
};

// Things that happened to Sallyport, each a sentence of record_text.hpp. At most 500; the rest is counted.
struct Happenings {
  struct One {
    std::uint64_t sequence = 0;
    WallClock::time_point time;
    std::string text;
  };
  std::vector<One> list;
  std::uint64_t beyond = 0;
  void note(const LogRecord& record);
};

struct AuditReport {
  std::vector<std::string> files;
  VerifyReport chain;         // of the whole log, whatever time was asked about
  bool signatures = false;    // were they checked?
  std::uint64_t records = 0;  // in the time that was asked about
  Seen seen;
  std::map<std::string, AgentUse> agents;
  std::uint64_t agents_beyond = 0;  // records of agents beyond those that are told apart
  Happenings lives, policies, people, gaps, guarding;
  OddLines odd;
};

// Verifies, then reads once more. In memory are at most 1000 agents and 20,000 destinations, whatever the log's size.
AuditReport make_report(const std::vector<std::string>& files, const VerifyOptions& checks, const LogFilter& filter);

// For people: several lines, fit for a terminal.
std::string report_text(const AuditReport& report);
// One JSON object.
std::string report_json(const AuditReport& report);
// The part of it that says whether the log is whole. `signatures`: a key was given.
std::string chain_json(const VerifyReport& chain, bool signatures);

}  // namespace sallyport
