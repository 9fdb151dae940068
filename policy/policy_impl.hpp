// What a Policy holds: private to this room.
#pragma once
#include "policy/policy.hpp"
#include "policy/rule.hpp"
#include "policy/rule_index.hpp"
#include "policy/sha256.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sallyport {

struct AgentPolicy {
  std::vector<Cidr> from;
  std::optional<Sha256Digest> token;  // never the token itself
  std::optional<Action> default_action;
  std::string default_where;
  std::vector<Rule> rules;
  RuleIndex index;
};

struct PolicyTest {
  std::string where;
  std::string agent = "default";
  std::string to, method = "GET";
  std::optional<Target> target;         // always there after load
  std::string exe;                      // the program that asks, or empty
  std::optional<FileIdentity> program;  // what it is
  Action expect = Action::deny;
};

struct Policy::Impl {
  Action default_action = Action::ask;
  std::vector<Rule> rules;
  RuleIndex index;
  std::map<std::string, AgentPolicy, std::less<>> agents;
  std::vector<SecretSource> secrets;  // by name
  std::vector<PolicyTest> tests;
  std::shared_ptr<const Policy> boundary;
  std::string uid, text;
  std::vector<std::string> files;
  std::vector<Complaint> warnings, notes;

  const AgentPolicy* agent(std::string_view name) const;
  Action default_for(std::string_view agent_name) const;
  // The agent's own rules and the common ones are one set.
  template <class Visit>
  void for_each_rule(std::string_view agent_name, Visit visit) const {
    if (const AgentPolicy* found = agent(agent_name)) {
      for (const Rule& rule : found->rules) visit(rule);
    }
    for (const Rule& rule : rules) visit(rule);
  }
  // The same, but leaves out rules that surely do not name `host`.
  template <class Visit>
  void for_each_rule_about(std::string_view agent_name, const Host& host, Visit visit) const {
    if (const AgentPolicy* found = agent(agent_name)) found->index.for_each(found->rules, host, visit);
    index.for_each(rules, host, visit);
  }
  // Once the rules are complete, and before the first decision.
  void index_rules();
};

// What is injected, each with its rule; for people.
std::vector<std::string> texts_of(std::span<const std::shared_ptr<const Injection>> injections);

// Rules that can never decide anything: warnings, "file:line:column: …".
std::vector<Complaint> lint_rules(const Policy::Impl& policy, const std::string& file, WallClock::time_point now);

}  // namespace sallyport
