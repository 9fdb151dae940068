// The functions behind the routes; each row of DESIGN section 11 is one. Role and provenance were checked before.
#pragma once
#include "console/routes.hpp"

namespace sallyport {

ApiResponse list_approvals(const Desk& desk, const ApiRequest& request);
ApiResponse show_approval(const Desk& desk, const ApiRequest& request);
ApiResponse decide_approval(const Desk& desk, const ApiRequest& request);
ApiResponse decide_group(const Desk& desk, const ApiRequest& request);
ApiResponse list_grants(const Desk& desk, const ApiRequest& request);
ApiResponse revoke_grant(const Desk& desk, const ApiRequest& request);
ApiResponse list_connections(const Desk& desk, const ApiRequest& request);
ApiResponse query_audit(const Desk& desk, const ApiRequest& request);
ApiResponse show_policy(const Desk& desk, const ApiRequest& request);
ApiResponse explain_policy(const Desk& desk, const ApiRequest& request);
ApiResponse reload_policy(const Desk& desk, const ApiRequest& request);
ApiResponse list_agents(const Desk& desk, const ApiRequest& request);
ApiResponse attach_agent(const Desk& desk, const ApiRequest& request);
ApiResponse detach_agent(const Desk& desk, const ApiRequest& request);
ApiResponse list_tokens(const Desk& desk, const ApiRequest& request);
ApiResponse create_token(const Desk& desk, const ApiRequest& request);
ApiResponse remove_token(const Desk& desk, const ApiRequest& request);
ApiResponse show_status(const Desk& desk, const ApiRequest& request);
ApiResponse show_health(const Desk& desk, const ApiRequest& request);
ApiResponse show_readiness(const Desk& desk, const ApiRequest& request);
ApiResponse show_metrics(const Desk& desk, const ApiRequest& request);
ApiResponse show_openapi(const Desk& desk, const ApiRequest& request);

// How many a list shall have: `limit`, else `usual`; nullopt: no number, zero, or above `most`.
std::optional<std::size_t> limit_of(const ApiRequest& request, std::size_t usual, std::size_t most);

}  // namespace sallyport
