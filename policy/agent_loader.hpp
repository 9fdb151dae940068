// `agents:` of policy.yaml.
#pragma once
#include "policy/load_context.hpp"
#include "policy/policy_impl.hpp"
#include "policy/target_loader.hpp"

namespace sallyport {

std::map<std::string, AgentPolicy, std::less<>> load_agents(const YamlNode& node, LoadContext& context,
                                                            TargetLoader& targets);

}  // namespace sallyport
