#include "approvals/as_policy.hpp"
#include "approvals/json.hpp"
#include "console/answers.hpp"

#include <boost/json/array.hpp>

namespace sallyport {
namespace {

constexpr std::size_t usual_page = 200;
constexpr std::size_t longest_page = 1000;

}  // namespace

ApiResponse list_grants(const Desk& desk, const ApiRequest& request) {
  const std::string_view format = request.parameter("format");
  if (!format.empty() && format != "json" && format != "policy") return problem(400, "format: json or policy");
  const auto limit = limit_of(request, format == "policy" ? longest_page : usual_page, longest_page);
  if (!limit) return problem(400, "limit: 1 to 1000");
  Approvals::GrantFilter filter;
  filter.agent = request.parameter("agent");
  filter.host = request.parameter("host");
  filter.after = request.parameter("cursor");
  filter.ended = request.parameter("ended") == "true";
  filter.limit = *limit;
  const auto found = desk.backend.approvals.grants(filter);
  if (format == "policy") return {200, "application/yaml", grants_as_policy(found), {}};
  boost::json::array list;
  for (const auto& grant : found) list.push_back(grant_json(grant));
  boost::json::object body{{"grants", std::move(list)}};
  if (found.size() == *limit) body["next"] = found.back().id;
  return json_response(body);
}

ApiResponse revoke_grant(const Desk& desk, const ApiRequest& request) {
  const auto revoked = desk.backend.approvals.revoke(request.id, actor_of(request.caller));
  if (revoked) return json_response(grant_json(*revoked));
  switch (revoked.error()) {
    case Approvals::DecideFault::unknown:
      return problem(404, "there is no grant of this id");
    case Approvals::DecideFault::decided:
      return problem(409, "this grant has ended already");
    case Approvals::DecideFault::too_wide:
    case Approvals::DecideFault::not_allowed:
    case Approvals::DecideFault::store:
      break;
  }
  return problem(503, sentence(revoked.error()));
}

}  // namespace sallyport
