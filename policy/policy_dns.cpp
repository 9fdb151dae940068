// Which DNS types go upstream for a name (DESIGN section 4).
#include "policy/combine.hpp"
#include "policy/policy_impl.hpp"

#include <algorithm>

namespace sallyport {
namespace {

// A boundary caps: there a wildcard or the default permits the types, while the policy itself must be explicit.
enum class Role { policy, boundary };

struct Found {
  const Rule* deny = nullptr;
  const Rule* ask = nullptr;
  const Rule* partly_ask = nullptr;  // only for some ports or requests
  const Rule* allow = nullptr;
  const Rule* allow_too_wide = nullptr;
};

bool covers_every_port(const Rule& rule) {
  return rule.ports.empty() || std::any_of(rule.ports.begin(), rule.ports.end(), [](const PortRange& range) {
           return range.first == 1 && range.last == 65535;
         });
}

void keep_first(const Rule*& place, const Rule& rule) {
  if (place == nullptr) place = &rule;
}

// What is asked, and which rules have been answered.
struct Asked {
  const Host& host;
  std::string_view type;
  WallClock::time_point now;
  std::span<const std::string> answered;
};

void consider(Found& found, const Rule& rule, const Asked& asked) {
  const Host& host = asked.host;
  const std::string_view type = asked.type;
  if (rule.is_expired(asked.now)) return;
  const Hit hit = rule.names(host);
  if (hit == Hit::none || rule.except.find(host) != Hit::none) return;
  const bool by_type = std::find(rule.dns.begin(), rule.dns.end(), type) != rule.dns.end();
  const bool whole = covers_every_port(rule) && !rule.is_restricted();
  switch (rule.action) {
    case Action::deny:
      if (whole) keep_first(found.deny, rule);
      break;
    case Action::ask:
      if (is_answered(rule.key, asked.answered)) {
        keep_first(found.allow, rule);
        break;
      }
      keep_first(by_type || whole ? found.ask : found.partly_ask, rule);
      break;
    case Action::allow:
      // Who asks a name server is not known.
      if (!rule.exe.empty()) break;
      keep_first(by_type || hit == Hit::exact ? found.allow : found.allow_too_wide, rule);
      break;
  }
}

Verdict answer(Action action, const Rule* rule, std::string reason) {
  Verdict verdict;
  verdict.action = action;
  verdict.reason = std::move(reason);
  if (rule == nullptr) return verdict;
  verdict.decided_by = DecidedBy::rule;
  verdict.rule = rule->where;
  verdict.rule_id = rule->id;
  if (action == Action::ask) verdict.rule_key = rule->key;
  if (action == Action::allow && rule->action == Action::ask) verdict.decided_by = DecidedBy::grant;
  if (!rule->reason.empty()) verdict.reason = rule->reason;
  return verdict;
}

Verdict decide_alone(Role role, const Policy::Impl& policy, std::string_view agent, const Asked& asked) {
  Found found;
  policy.for_each_rule_about(agent, asked.host, [&](const Rule& rule) { consider(found, rule, asked); });
  if (role == Role::boundary && found.allow == nullptr) found.allow = found.allow_too_wide;
  if (found.deny != nullptr) return answer(Action::deny, found.deny, "denied by " + found.deny->where);
  if (found.ask != nullptr) return answer(Action::ask, found.ask, found.ask->where + " asks a person first");
  if (found.allow != nullptr) return answer(Action::allow, found.allow, "allowed by " + found.allow->where);
  const std::string type_text(asked.type);
  if (found.allow_too_wide != nullptr) {
    return answer(Action::deny, nullptr,
                  "DNS type " + type_text + " needs a rule for the exact host, or one with dns: [" + type_text + "]");
  }
  if (found.partly_ask != nullptr) {
    return answer(Action::ask, found.partly_ask, found.partly_ask->where + " asks a person first");
  }
  const Action by_default = policy.default_for(agent);
  if (by_default == Action::ask) {
    const bool granted = is_answered(default_key(), asked.answered);
    Verdict verdict = granted ? answer(Action::allow, nullptr, "no rule names this, and a grant allows it")
                              : answer(Action::ask, nullptr, "the default is to ask a person");
    if (granted) verdict.decided_by = DecidedBy::grant;
    if (!granted) verdict.rule_key = default_key();
    return verdict;
  }
  if (by_default == Action::allow && role == Role::boundary) {
    return answer(Action::allow, nullptr, "the boundary's default is allow");
  }
  return answer(Action::deny, nullptr, "no rule allows DNS type " + type_text + " for this name");
}

}  // namespace

Verdict Policy::decide_dns(std::string_view agent, const HostName& name, std::string_view type,
                           WallClock::time_point now, std::span<const std::string> answered) const {
  const Host host(name);
  Verdict mine = sallyport::decide_alone(Role::policy, *impl_, agent, Asked{host, type, now, answered});
  if (!impl_->boundary) return mine;
  const auto within = answered_within_boundary(answered);
  Verdict boundary =
      sallyport::decide_alone(Role::boundary, impl_->boundary->impl(), agent, Asked{host, type, now, within});
  if (boundary.action == Action::ask) boundary.rule_key.insert(0, boundary_prefix);
  return stricter(mine, std::move(boundary));
}

}  // namespace sallyport
