// Grants as the rules that would replace them, ready for review in git.
#pragma once
#include "approvals/approval.hpp"

#include <string>
#include <vector>

namespace sallyport {

// YAML for `rules` and `agents` of policy.yaml. A grant with bounds that a rule can't say (once, uses) is left out with
// a comment.
std::string grants_as_policy(const std::vector<Grant>& grants);

}  // namespace sallyport
