#include "approvals/as_policy.hpp"

#include "approvals/json.hpp"
#include "policy/path.hpp"
#include "telemetry/json_text.hpp"

#include <algorithm>
#include <map>

namespace sallyport {
namespace {

// JSON's strings are YAML's double-quoted ones.
std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text, 8192);
  return out;
}

// Why no rule can stand for it; empty: one can.
std::string obstacle(const Grant& grant) {
  const std::string& method = grant.question.method;
  if (grant.decision.scope == Scope::once) return "it is for one connection";
  if (grant.decision.uses) return "it counts uses, and a rule does not";
  const bool capitals =
      std::all_of(method.begin(), method.end(), [](char c) { return (c >= 'A' && c <= 'Z') || c == '-'; });
  if (!capitals) return "its method is not one that a rule names";
  const std::string& path = grant.question.path;
  if (!path.empty() && !PathPattern::parse(path)) return "its path is not one that a rule names";
  // A path that can be read in several ways was asked about as the agent wrote it, stars and all; as a rule they would
  // stand for anything. Nothing here tells it from a pattern that a rule wrote like that.
  if (path.find('*') != std::string::npos && path.find("%2F") != std::string::npos)
    return "its path has a * and an encoded slash, and may be one path or a pattern: write the rule yourself";
  return {};
}

std::string seconds_text(WallClock::time_point time) {
  return time_text(time).substr(0, 19) + "Z";
}

std::string comment(const Grant& grant, const std::string& indent) {
  std::string text = indent + "# " + grant.id + ": " + (grant.decision.approve ? "approved" : "denied") + " by " +
                     plain_text(grant.by.name, 256);
  if (!grant.by.through.empty()) text += " through " + plain_text(grant.by.through, 64);
  text += ", " + seconds_text(grant.created);
  if (!grant.decision.note.empty()) text += ": \"" + plain_text(grant.decision.note) + "\"";
  return text + "\n";
}

std::string rule(const Grant& grant, const std::string& indent) {
  const Question& question = grant.question;
  std::string text = comment(grant, indent);
  if (const std::string why = obstacle(grant); !why.empty()) {
    return text + indent + "# No rule for " + question.to.text() + ": " + why + ".\n";
  }
  const std::string host = (grant.decision.match == Match::subdomains ? "**." : "") + question.to.host.text();
  const std::string more = indent + "  ";
  text += indent + (grant.decision.approve ? "- allow: " : "- deny: ") + quoted(host) + "\n";
  text += more + "ports: [" + std::to_string(question.to.port) + "]\n";
  if (!question.method.empty()) text += more + "methods: [" + quoted(question.method) + "]\n";
  if (!question.path.empty()) text += more + "paths: [" + quoted(question.path) + "]\n";
  if (grant.decision.upload) {
    text += more + "limits: { upload: " + std::to_string(*grant.decision.upload) +
            " }  # of one connection; the grant counts over all\n";
  }
  return text + more + "expires: " + quoted(seconds_text(grant.expires)) + "\n";
}

// Whether there is a rule and not comments alone, which would leave a list without items.
bool has_rule(const std::vector<const Grant*>& grants) {
  return std::any_of(grants.begin(), grants.end(), [](const Grant* grant) { return obstacle(*grant).empty(); });
}

std::string rules(const std::vector<const Grant*>& grants, const std::string& indent) {
  std::string text = indent + (has_rule(grants) ? "rules:\n" : "rules: []\n");
  for (const Grant* grant : grants) text += rule(*grant, indent + "  ");
  return text;
}

}  // namespace

std::string grants_as_policy(const std::vector<Grant>& grants) {
  std::vector<const Grant*> everyone;
  std::map<std::string, std::vector<const Grant*>> agents;
  for (const Grant& grant : grants) {
    if (grant.end != Grant::End::none) continue;
    (grant.decision.scope == Scope::everyone ? everyone : agents[grant.question.agent]).push_back(&grant);
  }
  std::string text =
      "# The grants in force as rules, to be reviewed. A rule that asks beats one that allows: where a rule of the\n"
      "# policy asked, and not its default, take the host out of that rule with `except`.\n"
      "version: 1\n";
  if (!everyone.empty()) text += "\n" + rules(everyone, "");
  if (!agents.empty()) text += "\nagents:\n";
  for (const auto& [agent, own] : agents) text += "  " + quoted(agent) + ":\n" + rules(own, "    ");
  return text;
}

}  // namespace sallyport
