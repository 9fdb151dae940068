// Asking ahead: the question that a connection would raise, raised before it comes (POST and GET /v1/access).
#pragma once
#include "proxy/internal_answer.hpp"
#include "proxy/internal_request.hpp"
#include "proxy/services.hpp"

#include <string>

namespace sallyport {

// 200 where the policy or a grant decides; 202 where a person is asked now. `origin`: of the connection that asks.
InternalAnswer ask_ahead(Shared& shared, const Origin& origin, AccessRequest request);

// Whether this approval still waits for somebody, and neither the policy nor the time has overtaken it.
bool is_undecided(Shared& shared, const std::string& agent, const std::string& approval);
// An approval of another agent is as unknown as one that never was.
InternalAnswer access_state(Shared& shared, const std::string& agent, const std::string& approval);

}  // namespace sallyport
