#include "console/grants_as_policy.hpp"

#include "console/shapes.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>

#include <map>

namespace sallyport {
namespace {

// A YAML scalar in double quotes: JSON's string is one.
std::string quoted(const std::string& text) {
  return boost::json::serialize(boost::json::value(text));
}

bool has_no_rule(const Grant& grant) {
  return grant.decision.scope == Scope::once || grant.decision.uses.has_value();
}

std::string rule_of(const Grant& grant, const std::string& indent) {
  const auto& question = grant.question;
  const bool wide = grant.decision.match == Match::subdomains;
  const std::string more = '\n' + indent + "  ";
  std::string rule = indent + (grant.decision.approve ? "- allow: " : "- deny: ");
  rule += quoted((wide ? "**." : "") + question.to.host.text());
  rule += more + "ports: [" + std::to_string(question.to.port) + ']';
  if (!question.method.empty()) rule += more + "methods: [" + quoted(question.method) + ']';
  if (!question.path.empty()) rule += more + "paths: [" + quoted(question.path) + ']';
  if (grant.decision.upload) rule += more + "limits: { upload: " + std::to_string(*grant.decision.upload) + " }";
  rule += more + "reason: " +
          quoted("approved by " + grant.by.name + " on " + format_time(grant.created).substr(0, 10) +
                 (grant.decision.note.empty() ? "" : ": " + agent_text(grant.decision.note, 200)));
  return rule + '\n';
}

}  // namespace

std::string grants_as_policy(const std::vector<Grant>& grants) {
  std::string common;
  std::string left_out;
  std::map<std::string, std::string> by_agent;
  for (const auto& grant : grants) {
    if (has_no_rule(grant)) {
      left_out += "# left out, as no rule says it: " + grant.id + ", " + grant.question.to.text() + '\n';
    } else if (grant.decision.scope == Scope::everyone) {
      common += rule_of(grant, "  ");
    } else {
      by_agent[grant.question.agent] += rule_of(grant, "      ");
    }
  }
  std::string text = "# The rules that would replace the grants in force. Review them, and add them to policy.yaml.\n";
  text += left_out;
  if (!common.empty()) text += "rules:\n" + common;
  if (!by_agent.empty()) text += "agents:\n";
  for (const auto& [agent, rules] : by_agent) text += "  " + quoted(agent) + ":\n    rules:\n" + rules;
  return text;
}

}  // namespace sallyport
