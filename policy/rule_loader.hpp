// One entry of `rules:`, with all its complaints.
#pragma once
#include "policy/load_context.hpp"
#include "policy/rule.hpp"
#include "policy/target_loader.hpp"

namespace sallyport {

// `rules:` of the policy or of an agent. Rules with complaints are left out; the load has failed then anyway.
std::vector<Rule> load_rules(const YamlNode& node, LoadContext& context, TargetLoader& targets);

// "allow", "ask" or "deny"; complains.
std::optional<Action> load_action(const YamlNode& node, LoadContext& context);

}  // namespace sallyport
