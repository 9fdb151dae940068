#include "console/answers.hpp"
#include "console/body.hpp"
#include "console/shapes.hpp"

#include <boost/json/array.hpp>

namespace sallyport {

ApiResponse list_connections(const Desk& desk, const ApiRequest& request) {
  if (!desk.backend.connections) return problem(501, "this daemon does not list its connections");
  const auto limit = limit_of(request, 500, 5000);
  if (!limit) return problem(400, "limit: 1 to 5000");
  // One more than asked for tells whether there are more.
  auto found = desk.backend.connections(*limit + 1);
  const bool more = found.size() > *limit;
  if (more) found.resize(*limit);
  boost::json::array list;
  for (const auto& connection : found) list.push_back(to_json(connection));
  return json_response(boost::json::object{{"connections", std::move(list)}, {"more", more}});
}

ApiResponse list_agents(const Desk& desk, const ApiRequest&) {
  if (!desk.backend.agents) return problem(501, "this daemon does not list its agents");
  boost::json::array list;
  for (const auto& agent : desk.backend.agents()) list.push_back(to_json(agent));
  return json_response(boost::json::object{{"agents", std::move(list)}});
}

ApiResponse attach_agent(const Desk& desk, const ApiRequest& request) {
  if (!desk.backend.attach) return problem(501, "this daemon attaches no namespaces");
  const auto body = read_body(request, {"agent", "netns", "pid"});
  if (!body) return body.error();
  const auto agent = text_at(*body, "agent");
  const auto netns = text_at(*body, "netns");
  if (!agent || agent->empty()) return problem(400, "agent: the name the policy knows it by");
  if (!netns) return problem(400, netns.error().text);
  AttachRequest wanted{*agent, *netns, 0};
  if (const auto* pid = body->if_contains("pid")) {
    boost::system::error_code error;
    wanted.pid = pid->to_number<std::int64_t>(error);
    if (error || wanted.pid <= 0) return problem(400, "pid: expected a process id");
  }
  if (wanted.netns.empty() == (wanted.pid == 0)) return problem(400, "one of netns and pid is needed");
  const auto attached = desk.backend.attach(wanted, request.caller);
  if (!attached) return problem(422, attached.error().text);
  return json_response(to_json(*attached), 201);
}

ApiResponse detach_agent(const Desk& desk, const ApiRequest& request) {
  if (!desk.backend.detach) return problem(501, "this daemon attaches no namespaces");
  const auto detached = desk.backend.detach(request.id, request.caller);
  if (!detached) return problem(404, detached.error().text);
  return {204, {}, {}, {}};
}

}  // namespace sallyport
