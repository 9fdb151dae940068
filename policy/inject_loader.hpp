// `inject:` of a rule: what is put into requests, and which secrets it names.
#pragma once
#include "policy/load_context.hpp"
#include "policy/rule.hpp"

#include <memory>

namespace sallyport {

// `rule` is complete but for `inject`, `id` and `reason`.
std::vector<std::shared_ptr<const Injection>> load_injections(const YamlNode& node, const Rule& rule,
                                                              LoadContext& context);

}  // namespace sallyport
