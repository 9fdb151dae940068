#include "telemetry/audit_report.hpp"
#include "telemetry/safe_text.hpp"

#include <boost/json.hpp>

namespace sallyport {
namespace {

namespace json = boost::json;

void put_seen(json::object& out, const Seen& seen) {
  if (!seen.first) return;
  out["first_seen"] = time_text(*seen.first, Precise::yes);
  out["last_seen"] = time_text(*seen.last, Precise::yes);
}

json::object object_of(const Deciders& deciders) {
  json::object out;
  for (const auto& [decider, count] : deciders.counts) out[decider] = count;
  if (deciders.beyond != 0) out["others"] = deciders.beyond;
  return out;
}

json::object object_of(const DestinationUse& use) {
  json::object out;
  out["connections"] = use.connections;
  out["requests"] = use.requests;
  out["held"] = use.held;
  out["refused"] = use.refused;
  out["failed"] = use.failed;
  out["bytes_in"] = use.traffic.in;
  out["bytes_out"] = use.traffic.out;
  put_seen(out, use.seen);
  out["let_by"] = object_of(use.let_by);
  out["refused_by"] = object_of(use.refused_by);
  return out;
}

json::object object_of(const std::string& name, const AgentUse& agent) {
  json::object out;
  out["agent"] = name;
  put_seen(out, agent.seen);
  out["records"] = agent.records;
  out["lookups"] = agent.lookups;
  json::array programs;
  for (const std::string& program : agent.programs) programs.emplace_back(program);
  out["programs"] = std::move(programs);
  json::array destinations;
  for (const auto& [key, use] : agent.destinations) {
    json::object one;
    one["host"] = key.first;
    one["port"] = key.second;
    for (auto& [name_of, value] : object_of(use)) one[name_of] = value;
    destinations.push_back(std::move(one));
  }
  out["destinations"] = std::move(destinations);
  if (agent.others) out["other_destinations"] = object_of(*agent.others);
  return out;
}

json::object object_of(const Happenings& happenings) {
  json::array list;
  for (const auto& one : happenings.list) {
    list.push_back(
        json::object{{"sequence", one.sequence}, {"time", time_text(one.time, Precise::yes)}, {"text", one.text}});
  }
  return json::object{{"list", std::move(list)}, {"beyond", happenings.beyond}};
}

json::array array_of(const std::vector<std::string>& texts) {
  json::array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

json::object object_of(const VerifyReport& chain, bool signatures) {
  json::object out;
  out["whole"] = chain.whole();
  out["signatures_checked"] = signatures;
  out["signed_up_to"] = chain.signed_up_to;
  out["first_sequence"] = chain.first_sequence;
  out["head"] = chain.head.text();
  out["lines"] = chain.lines;
  out["torn"] = chain.torn;
  json::array problems;
  for (const auto& problem : chain.problems) problems.emplace_back(problem.text);
  out["problems"] = std::move(problems);
  out["further_problems"] = chain.further_problems;
  out["notes"] = array_of(chain.notes);
  return out;
}

}  // namespace

std::string chain_json(const VerifyReport& chain, bool signatures) {
  return fit_for_terminal(json::serialize(object_of(chain, signatures)));
}

std::string report_json(const AuditReport& report) {
  json::object out;
  out["chain"] = object_of(report.chain, report.signatures);
  out["files"] = array_of(report.files);
  out["records"] = report.records;
  put_seen(out, report.seen);
  json::array agents;
  for (const auto& [name, agent] : report.agents) agents.push_back(object_of(name, agent));
  out["agents"] = std::move(agents);
  out["agents_beyond"] = report.agents_beyond;
  out["people"] = object_of(report.people);
  out["policies"] = object_of(report.policies);
  out["lives"] = object_of(report.lives);
  out["guarding"] = object_of(report.guarding);
  out["gaps"] = object_of(report.gaps);
  out["odd_lines"] = json::object{{"torn", report.odd.torn},
                                  {"foreign", report.odd.foreign},
                                  {"first", report.odd.first},
                                  {"unreadable", array_of(report.odd.unreadable)}};
  return fit_for_terminal(json::serialize(out));
}

}  // namespace sallyport
