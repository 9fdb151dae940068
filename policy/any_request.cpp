#include "policy/any_request.hpp"

#include "policy/combine.hpp"
#include "policy/policy_impl.hpp"

#include <algorithm>

namespace sallyport {
namespace {

// What the rules that could match some request add up to.
struct Terms {
  bool allowed = false;  // by a rule that looks at no request
  bool differ = false;   // some request is refused, asked about, or reached on other terms
  bool budget_for_any = false;
  Hit sure = Hit::none;   // of the rules that match every request
  Hit often = Hit::none;  // of those that match some
};

bool could_match(Fit fit) {
  return fit == Fit::matches || fit == Fit::not_yet || fit == Fit::other_method || fit == Fit::other_path;
}

bool permits(const Rule& rule, const Query& query) {
  if (rule.deny_ech && query.ech) return false;
  if (rule.action == Action::allow) return true;
  return rule.action == Action::ask && !rule.looks_at_requests() && is_answered(rule.key, query.answered);
}

bool changes_how_it_is_dialled(const Rule& rule) {
  return rule.private_ok || rule.limits.connections || rule.limits.names;
}

void consider(Terms& terms, const Rule& rule, const Query& query) {
  const HostFit fit = fits(rule, query);
  if (!could_match(fit.fit)) return;
  if (!permits(rule, query)) {
    terms.differ = true;
    return;
  }
  terms.often = std::max(terms.often, fit.hit);
  if (rule.looks_at_requests()) {
    terms.differ = terms.differ || changes_how_it_is_dialled(rule);
    return;
  }
  terms.allowed = true;
  terms.sure = std::max(terms.sure, fit.hit);
  terms.budget_for_any = terms.budget_for_any || rule.limits.names;
}

bool by_default(const Policy::Impl& policy, const Query& query) {
  const Action action = policy.default_for(query.agent);
  return action == Action::allow || (action == Action::ask && is_answered(default_key(), query.answered));
}

// Whether the budget of names holds, as decide() tells.
bool is_wildcard(const Terms& terms, Hit hit) {
  return hit == Hit::wildcard || (hit == Hit::any && terms.budget_for_any);
}

bool alone(const Policy::Impl& policy, const Query& query) {
  Terms terms;
  policy.for_each_rule_about(query.agent, query.to.host, [&](const Rule& rule) { consider(terms, rule, query); });
  if (terms.differ || is_wildcard(terms, terms.sure) != is_wildcard(terms, terms.often)) return false;
  return terms.allowed || by_default(policy, query);
}

}  // namespace

bool allows_any_request(const Policy& policy, const Query& query) {
  Query any = query;
  any.spoken = Spoken::tls;
  // Some request: a rule that looks at none says the same of every other.
  any.request = SeenRequest{"GET", "/"};
  if (!alone(policy.impl(), any)) return false;
  if (!policy.impl().boundary) return true;
  const std::vector<std::string> answered = answered_within_boundary(query.answered);
  any.answered = answered;
  return allows_any_request(*policy.impl().boundary, any);
}

}  // namespace sallyport
