// `exe:` of a rule: the programs it is for.
#pragma once
#include "policy/load_context.hpp"
#include "policy/rule.hpp"

namespace sallyport {

std::vector<ExeFile> load_programs(const YamlNode& node, Action action, LoadContext& context);

}  // namespace sallyport
