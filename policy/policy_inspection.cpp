// Policy::needs_request: whether anything inside TLS could matter.
#include "policy/inspects.hpp"
#include "policy/policy_impl.hpp"

namespace sallyport {
namespace {

bool needs(const Rule& rule) {
  return rule.looks_at_requests() || rule.protocol == Protocol::http || !rule.inject.empty();
}

// Whether a rule of which this is said of the tunnel could match some request inside.
bool could_match(const Rule& rule, Fit fit) {
  switch (fit) {
    case Fit::matches:
    case Fit::not_yet:
    case Fit::not_seen:
    case Fit::other_method:
    case Fit::other_path:
      return true;
    case Fit::other_protocol:
      return rule.protocol == Protocol::http;
    default:
      return false;
  }
}

struct Need {
  bool refused = false;                // whatever the request
  bool broad = false;                  // an allow or ask already holds whatever the request
  const Rule* always = nullptr;        // it could refuse, ask, or add something
  const Rule* unless_broad = nullptr;  // it could only allow
};

void consider(Need& need, const Rule& rule, const Query& query) {
  const Fit fit = fits(rule, query).fit;
  if (!could_match(rule, fit)) return;
  if (needs(rule)) {
    const Rule*& place = rule.action != Action::allow || rule.adds_something() ? need.always : need.unless_broad;
    if (place == nullptr) place = &rule;
  }
  if (fit != Fit::matches || rule.looks_at_requests()) return;
  const bool refuses = rule.action == Action::deny || (rule.deny_ech && query.ech);
  (refuses ? need.refused : need.broad) = true;
}

Need need_of(const Policy::Impl& policy, const Query& query) {
  Need need;
  policy.for_each_rule_about(query.agent, query.to.host, [&](const Rule& rule) { consider(need, rule, query); });
  return need;
}

const Rule* rule_of(const Need& need) {
  return need.always != nullptr ? need.always : need.broad ? nullptr : need.unless_broad;
}

}  // namespace

std::optional<std::string> Policy::needs_request(const Query& query) const {
  Query tunnel = query;
  tunnel.spoken = Spoken::tls;
  tunnel.request.reset();
  const Need mine = need_of(*impl_, tunnel);
  const Need boundary = impl_->boundary ? need_of(impl_->boundary->impl(), tunnel) : Need{};
  if (mine.refused || boundary.refused) return std::nullopt;
  const Rule* rule = rule_of(mine);
  if (rule == nullptr) rule = rule_of(boundary);
  return rule != nullptr ? std::optional(rule->where) : std::nullopt;
}

bool may_inspect(const Policy& policy, std::string_view agent) {
  bool found = false;
  policy.impl().for_each_rule(agent, [&found](const Rule& rule) { found = found || needs(rule); });
  return found || (policy.impl().boundary && may_inspect(*policy.impl().boundary, agent));
}

}  // namespace sallyport
