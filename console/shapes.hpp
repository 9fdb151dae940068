// What the admin API shows besides approvals and grants (approvals/json.hpp).
#pragma once
#include "approvals/approvals.hpp"
#include "console/backend.hpp"

#include <boost/json/object.hpp>

namespace sallyport {

boost::json::object to_json(const Approvals::Decided& decided);
boost::json::object to_json(const LiveConnection& connection);
boost::json::object to_json(const AgentInfo& agent);
boost::json::object to_json(const Verdict& verdict);

}  // namespace sallyport
