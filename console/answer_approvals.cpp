#include "approvals/json.hpp"
#include "console/answers.hpp"
#include "console/body.hpp"
#include "console/shapes.hpp"
#include "policy/public_suffix.hpp"

#include <boost/json/array.hpp>

#include <set>

namespace sallyport {
namespace {

constexpr std::size_t usual_page = 200;
constexpr std::size_t longest_page = 1000;

std::optional<Approval::State> parse_state(std::string_view word) {
  using State = Approval::State;
  for (const State state : {State::pending, State::approved, State::denied, State::expired}) {
    if (word == word_of(state)) return state;
  }
  return std::nullopt;
}

int status_of(Approvals::DecideFault fault) {
  switch (fault) {
    case Approvals::DecideFault::unknown:
      return 404;
    case Approvals::DecideFault::decided:
      return 409;
    case Approvals::DecideFault::too_wide:
    case Approvals::DecideFault::not_allowed:
      return 422;
    case Approvals::DecideFault::store:
      return 503;
  }
  return 500;
}

std::string domain_of(const Host& host) {
  return host.name() ? registrable_domain(*host.name()) : host.text();
}

// Grants in force that touch the same registrable domain: what somebody said before about the like.
boost::json::array similar_grants(const Approvals& approvals, const Approval& approval) {
  constexpr std::size_t most = 8;
  boost::json::array similar;
  for (const auto& grant : approvals.grants({})) {
    if (domain_of(grant.question.to.host) != approval.domain) continue;
    similar.push_back(grant_json(grant));
    if (similar.size() == most) break;
  }
  return similar;
}

// Absent: all of the group, whatever has come to it.
Outcome<std::optional<std::set<std::string>>> ids_in(const boost::json::object& body) {
  const auto* value = body.if_contains("ids");
  if (!value || value->is_null()) return std::optional<std::set<std::string>>();
  const Complaint wrong{"ids: a list of approvals' ids"};
  if (!value->is_array()) return wrong;
  std::set<std::string> ids;
  for (const auto& each : value->get_array()) {
    if (!each.is_string()) return wrong;
    ids.emplace(each.get_string());
  }
  return std::optional(std::move(ids));
}

}  // namespace

ApiResponse list_approvals(const Desk& desk, const ApiRequest& request) {
  Approvals::Filter filter;
  const std::string_view state = request.parameter("state");
  filter.state = state.empty() ? Approval::State::pending : parse_state(state);
  if (!filter.state && state != "all") return problem(400, "state: pending, approved, denied, expired or all");
  const auto limit = limit_of(request, usual_page, longest_page);
  if (!limit) return problem(400, "limit: 1 to 1000");
  filter.agent = request.parameter("agent");
  filter.host = request.parameter("host");
  filter.after = request.parameter("cursor");
  filter.limit = *limit;
  const auto found = desk.backend.approvals.approvals(filter);
  boost::json::array list;
  for (const auto& approval : found) list.push_back(approval_json(approval));
  boost::json::object body{{"approvals", std::move(list)}};
  if (found.size() == *limit) body["next"] = found.back().id;
  return json_response(body);
}

ApiResponse show_approval(const Desk& desk, const ApiRequest& request) {
  const auto approval = desk.backend.approvals.approval(request.id);
  if (!approval) return problem(404, "there is no approval of this id");
  auto body = approval_json(*approval);
  body["similar"] = similar_grants(desk.backend.approvals, *approval);
  return json_response(body);
}

ApiResponse decide_approval(const Desk& desk, const ApiRequest& request) {
  const auto body = read_body(request, {"decision", "scope", "match", "ttl", "uses", "upload", "note"});
  if (!body) return body.error();
  const auto decision = decision_from_json(*body);
  if (!decision) return problem(400, decision.error().text);
  const auto decided = desk.backend.approvals.decide(request.id, *decision, actor_of(request.caller));
  if (!decided) return problem(status_of(decided.error()), sentence(decided.error()));
  return json_response(to_json(*decided));
}

ApiResponse decide_group(const Desk& desk, const ApiRequest& request) {
  auto body =
      read_body(request, {"agent", "domain", "ids", "decision", "scope", "match", "ttl", "uses", "upload", "note"});
  if (!body) return body.error();
  const auto agent = text_at(*body, "agent");
  const auto domain = text_at(*body, "domain");
  if (!agent) return problem(400, agent.error().text);
  if (!domain) return problem(400, domain.error().text);
  if (domain->empty()) return problem(400, "domain: the registrable domain whose questions are decided");
  const auto ids = ids_in(*body);
  if (!ids) return problem(400, ids.error().text);
  body->erase("agent");
  body->erase("domain");
  body->erase("ids");
  const auto decision = decision_from_json(*body);
  if (!decision) return problem(400, decision.error().text);
  const auto decided = desk.backend.approvals.decide_group(*agent, *domain, *decision, actor_of(request.caller), *ids);
  if (!decided) return problem(status_of(decided.error()), sentence(decided.error()));
  boost::json::array list;
  for (const auto& each : *decided) list.push_back(to_json(each));
  return json_response(boost::json::object{{"decided", std::move(list)}});
}

}  // namespace sallyport
