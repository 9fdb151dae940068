// Two answers to one question: the stricter of both.
#pragma once
#include "policy/policy.hpp"

namespace sallyport {

// The smaller of each limit.
void tighten(RuleLimits& limits, const RuleLimits& others);

// The boundary's questions are its own: an answer to one of the policy's rules is none to them.
inline constexpr std::string_view boundary_prefix = "boundary/";
std::vector<std::string> answered_within_boundary(std::span<const std::string> answered);

// A policy within its boundary: what either refuses or asks about stands, and only what both open is open.
Verdict stricter(const Verdict& mine, Verdict boundary);

}  // namespace sallyport
