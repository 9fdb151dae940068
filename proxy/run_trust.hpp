// What the programs inside must trust where connections are inspected.
#pragma once
#include "proxy/sandbox/sandbox.hpp"

#include <string>

namespace sallyport {

// Adds `ca` (PEM) to the roots that each common variable names already, or to the system's, and lets the variable name
// the sum.
void trust_inside(SandboxPlan& plan, const std::string& ca);

}  // namespace sallyport
