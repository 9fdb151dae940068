// Two answers to one question: the stricter of both.
#pragma once
#include "policy/policy.hpp"

namespace sallyport {

// The smaller of each limit.
void tighten(RuleLimits& limits, const RuleLimits& others);

// A policy within its boundary: what either refuses or asks about stands, and only what both open is open.
Verdict stricter(Verdict mine, Verdict boundary);

}  // namespace sallyport
