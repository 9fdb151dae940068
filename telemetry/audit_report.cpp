#include "telemetry/audit_report.hpp"

#include "telemetry/record_text.hpp"
#include "telemetry/safe_text.hpp"

#include <algorithm>

namespace sallyport {
namespace {

constexpr std::size_t most_agents = 1000, most_destinations = 20'000, most_deciders = 16, most_programs = 16,
                      most_happenings = 500, most_approvals = 10'000, most_remembered = 4096;

class Collector {
 public:
  explicit Collector(AuditReport& report) : report_(report) {}
  void take(const LogRecord& record);

 private:
  void take_lifecycle(const LogRecord& record);
  void take_traffic(const LogRecord& record);
  AgentUse* agent(const std::string& name);
  DestinationUse& destination(AgentUse& agent, const LogRecord& record);
  std::string decider(const LogRecord& record) const;

  AuditReport& report_;
  std::size_t destinations_ = 0;
  std::map<std::string, std::string> people_;  // who answered an approval
  // Requests that were refused: where no connection was open for one, a refusal of that follows and is the same.
  std::set<std::string> refused_requests_;
};

AgentUse* Collector::agent(const std::string& name) {
  const auto known = report_.agents.find(name);
  if (known != report_.agents.end()) return &known->second;
  return report_.agents.size() < most_agents ? &report_.agents[name] : nullptr;
}

DestinationUse& Collector::destination(AgentUse& agent, const LogRecord& record) {
  const std::pair key{record.host, record.port};
  const auto known = agent.destinations.find(key);
  if (known != agent.destinations.end()) return known->second;
  if (destinations_ == most_destinations) {
    if (!agent.others) agent.others.emplace();
    return *agent.others;
  }
  ++destinations_;
  return agent.destinations[key];
}

std::string Collector::decider(const LogRecord& record) const {
  const std::string decider = decider_text(record);
  const auto person = people_.find(record.approval);
  if (record.approval.empty() || person == people_.end()) return decider.empty() ? "not said" : decider;
  return "approval " + shown(record.approval, 64) + " by " + person->second;
}

void Collector::take_traffic(const LogRecord& record) {
  AgentUse* const whose = agent(record.agent);
  if (whose == nullptr) {
    ++report_.agents_beyond;
    return;
  }
  ++whose->records;
  whose->seen.note(record.time);
  if (!record.program.empty() && whose->programs.size() < most_programs) whose->programs.insert(record.program);
  const bool denied = record.verdict && *record.verdict == Action::deny;
  if (record.kind == RecordKind::lookup) {
    ++whose->lookups;
    // What may be looked up is told by the connections that follow.
    if (!denied) return;
  }
  DestinationUse& use = destination(*whose, record);
  use.seen.note(record.time);
  // `traffic` is what passed since the record before, so all of them together are the whole. A request's bytes are
  // counted in its connection.
  if (record.kind != RecordKind::request) {
    use.traffic.in += record.traffic.in;
    use.traffic.out += record.traffic.out;
  }
  const auto refuse = [&] {
    use.refused += record.count;
    use.refused_by.note(decider(record), record.count);
  };
  switch (record.kind) {
    case RecordKind::open:
      ++use.connections;
      return use.let_by.note(decider(record), 1);
    case RecordKind::hold:
      ++use.held;
      return;
    case RecordKind::fail:
      ++use.failed;
      return;
    case RecordKind::refuse:
      if (refused_requests_.erase(record.correlation) == 0) refuse();
      return;
    case RecordKind::lookup:
      return refuse();
    case RecordKind::request:
      if (!record.verdict || *record.verdict == Action::allow) {
        ++use.requests;
        return;
      }
      if (refused_requests_.size() == most_remembered) refused_requests_.clear();
      if (!record.correlation.empty()) refused_requests_.insert(record.correlation);
      return refuse();
    default:
      return;
  }
}

void Collector::take_lifecycle(const LogRecord& record) {
  const std::string& event = record.event;
  if (event == "start" || event == "stop") return report_.lives.note(record);
  if (event == "guard_lost" || event == "guard_regained") return report_.guarding.note(record);
  if (event == "attached" || event == "detached") return report_.guarding.note(record);
  if (event.starts_with("log_")) return report_.gaps.note(record);
}

void Collector::take(const LogRecord& record) {
  ++report_.records;
  report_.seen.note(record.time);
  switch (record.kind) {
    case RecordKind::lifecycle:
      return take_lifecycle(record);
    case RecordKind::policy:
      return report_.policies.note(record);
    case RecordKind::api:
      if (!record.approval.empty() && record.success && people_.size() < most_approvals) {
        people_[record.approval] = shown(record.actor, 64);
      }
      return report_.people.note(record);
    case RecordKind::other:
      return;
    default:
      return take_traffic(record);
  }
}

}  // namespace

void Seen::note(WallClock::time_point time) {
  first = first ? std::min(*first, time) : time;
  last = last ? std::max(*last, time) : time;
}

void Deciders::note(const std::string& decider, std::uint64_t count) {
  const auto known = counts.find(decider);
  if (known != counts.end()) {
    known->second += count;
  } else if (counts.size() < most_deciders) {
    counts.emplace(decider, count);
  } else {
    beyond += count;
  }
}

void Happenings::note(const LogRecord& record) {
  if (list.size() == most_happenings) {
    ++beyond;
    return;
  }
  list.push_back({record.sequence, record.time, sentence(record)});
}

AuditReport make_report(const std::vector<std::string>& files, const VerifyOptions& checks, const LogFilter& filter) {
  AuditReport report;
  report.files = files;
  report.chain = verify(files, checks);
  report.signatures = !checks.key_path.empty();
  Collector collector(report);
  LogReader reader(files);
  while (reader.next()) {
    if (filter.matches(*reader.record())) collector.take(*reader.record());
  }
  report.odd = reader.odd();
  return report;
}

}  // namespace sallyport
