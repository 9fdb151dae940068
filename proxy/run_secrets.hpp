// What a sandboxed command must not read, although its user may.
#pragma once
#include "policy/policy.hpp"
#include "proxy/config.hpp"
#include "proxy/sandbox/sandbox.hpp"

#include <string>
#include <vector>

namespace sallyport {

// The command gets placeholders, which requests that are given a secret may carry.
void keep_secrets_of_policy(SandboxPlan& plan, const Policy& policy);

// The CA's key, credentials, what signs notifications: files are hidden, variables are not passed on. `settings` is a
// sallyport.yaml; empty: there is none.
void keep_secrets_of_settings(SandboxPlan& plan, const std::string& settings);

// Files that Sallyport itself runs, outside: programs and scripts of secrets and notifications. Who could write them
// there would be outside as well.
std::vector<std::string> programs_run_outside(const Policy& policy, const Config& config);

}  // namespace sallyport
