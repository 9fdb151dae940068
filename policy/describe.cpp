// What an agent may reach, in lines for people.
#include "policy/policy_impl.hpp"

namespace sallyport {

std::vector<std::string> Policy::describe(std::string_view agent) const {
  std::vector<std::string> lines;
  impl_->for_each_rule(agent, [&lines](const Rule& rule) {
    std::string line = std::string(to_text(rule.action)) + " " + rule.targets.text() + conditions_text(rule);
    if (!rule.reason.empty()) line += " (" + rule.reason + ")";
    lines.push_back(std::move(line));
  });
  lines.push_back(std::string(to_text(impl_->default_for(agent))) + " everything else");
  if (!impl_->boundary) return lines;
  lines.emplace_back("and nothing beyond the boundary:");
  for (const std::string& line : impl_->boundary->describe(agent)) lines.push_back("  " + line);
  return lines;
}

}  // namespace sallyport
