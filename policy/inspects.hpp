// Whether a policy may want to see requests inside TLS at all.
#pragma once
#include "policy/policy.hpp"

namespace sallyport {

// Whether there is any destination for which Policy::needs_request() could name a rule for this agent. It may say so
// where there is none; never the other way round.
bool may_inspect(const Policy& policy, std::string_view agent);

}  // namespace sallyport
