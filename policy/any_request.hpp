// Whether what a request inside TLS says could make any difference to whether, and how, its destination is reached.
#pragma once
#include "policy/policy.hpp"

namespace sallyport {

// True where every request to this destination is allowed, whatever its method and path, and the same limits and the
// same guard hold for dialling it: then it may be dialled before a request has come. Injections may differ. A rule that
// asks counts as an allow where `query.answered` has it and it looks at no request. `query.spoken` and `query.request`
// are not looked at.
bool allows_any_request(const Policy& policy, const Query& query);

}  // namespace sallyport
