// What sallyport.internal tells an agent of itself: its own name, rules and grants, and nobody else's.
#pragma once
#include "approvals/approvals.hpp"
#include "proxy/internal_answer.hpp"

#include <string>

namespace sallyport {

enum class Wants { text, json };

// Whether there is a CA that inspected connections are signed by.
enum class Certificates { none, ours };

// GET /
InternalAnswer front_page(const std::string& agent, Wants wants, Certificates certificates);
// GET /ca.pem
InternalAnswer certificate_page(const std::string& pem);
// GET /v1/policy
InternalAnswer policy_page(const Policy& policy, const Approvals& approvals, const std::string& agent, Wants wants);
// Anything that is not there.
InternalAnswer no_such_page();

}  // namespace sallyport
