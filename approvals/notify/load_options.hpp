// Reads `approvals.notify` and `approvals.decider`.
#pragma once
#include "approvals/notify/options.hpp"
#include "policy/yaml.hpp"

#include <vector>

namespace sallyport {

// Null nodes are absent keys. `file` is the configuration's path: relative ones are beside it. What is wrong is added
// to `complaints`, each with its place, and none of them repeats a secret.
void load_notify(const YamlNode* node, const std::string& file, std::vector<Complaint>& complaints,
                 NotifyOptions& into);
void load_decider(const YamlNode* node, const std::string& file, std::vector<Complaint>& complaints,
                  NotifyOptions& into);

}  // namespace sallyport
