// Grants as the rules that would replace them, ready for review in git.
#pragma once
#include "approvals/approval.hpp"

#include <string>
#include <vector>

namespace sallyport {

// A whole policy file: under `agents` what one agent was granted, under `rules` what everyone was. A comment says who
// decided, when and why, and what a rule cannot say: grants that count uses, or end with one connection, are comments
// only. Grants that have ended are left out.
std::string grants_as_policy(const std::vector<Grant>& grants);

}  // namespace sallyport
