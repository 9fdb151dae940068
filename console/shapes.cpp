#include "console/shapes.hpp"

#include "approvals/json.hpp"

namespace sallyport {

boost::json::object to_json(const Approvals::Decided& decided) {
  boost::json::object object{{"approval", approval_json(decided.approval)}, {"released", decided.released}};
  if (decided.grant) object["grant"] = grant_json(*decided.grant);
  return object;
}

boost::json::object to_json(const LiveConnection& connection) {
  boost::json::object object{{"id", connection.id},
                             {"agent", plain_text(connection.agent, 256)},
                             {"host", plain_text(connection.host, 512)},
                             {"port", connection.port},
                             {"door", word_of(connection.door)},
                             {"state", connection.state == LiveConnection::State::held ? "held" : "open"},
                             {"since", time_text(connection.since)},
                             {"bytes_in", connection.traffic.in},
                             {"bytes_out", connection.traffic.out}};
  if (!connection.approval.empty()) object["approval"] = connection.approval;
  if (!connection.grant.empty()) object["grant"] = connection.grant;
  return object;
}

boost::json::object to_json(const AgentInfo& agent) {
  return {{"name", plain_text(agent.name, 256)},
          {"known_by", agent.known_by},
          {"detail", plain_text(agent.detail, 512)},
          {"connections", agent.connections},
          {"held", agent.held}};
}

boost::json::object to_json(const Verdict& verdict) {
  boost::json::object object{{"verdict", word_of(verdict.action)},
                             {"decided_by", word_of(verdict.decided_by)},
                             {"rule", verdict.rule},
                             {"reason", verdict.reason}};
  if (!verdict.rule_id.empty()) object["rule_id"] = verdict.rule_id;
  return object;
}

}  // namespace sallyport
