// The decision. DESIGN section 5: deny beats ask beats allow, whatever the order.
#include "policy/policy.hpp"

#include "policy/combine.hpp"
#include "policy/policy_impl.hpp"

#include <algorithm>

namespace sallyport {
namespace {

// What the rules that match add up to.
struct Tally {
  Action action = Action::allow;
  const Rule* winner = nullptr;
  bool by_ech = false;             // the winner is an allow or ask that says `ech: deny`
  const Rule* answered = nullptr;  // an ask that a grant has turned into its answer
  bool must_identify = false;
  bool tcp = false;
  Hit hit = Hit::none;
  bool budget_for_any = false;
  bool has_expiry = true;
  Verdict verdict;
};

void add_permitting(Tally& tally, const Rule& rule, Hit hit, const Query& query) {
  Verdict& verdict = tally.verdict;
  tighten(verdict.limits, rule.limits);
  tally.hit = std::max(tally.hit, hit);
  tally.budget_for_any = tally.budget_for_any || rule.limits.names;
  tally.tcp = tally.tcp || rule.protocol == Protocol::tcp;
  verdict.ssh = verdict.ssh || rule.protocol == Protocol::ssh;
  verdict.private_ok = verdict.private_ok || rule.private_ok;
  if (!rule.expires) tally.has_expiry = false;
  if (rule.action == Action::allow && query.spoken == Spoken::tls && query.request) {
    verdict.injections.insert(verdict.injections.end(), rule.inject.begin(), rule.inject.end());
  }
  if (rule.expires && tally.has_expiry) {
    verdict.expires = std::max(verdict.expires.value_or(*rule.expires), *rule.expires);
  }
}

void add(Tally& tally, const Rule& rule, const Query& query) {
  const HostFit fit = fits(rule, query);
  // Something may still turn up that matters, so the connection has to be looked at.
  if (fit.fit == Fit::not_yet) tally.must_identify = true;
  if (fit.fit != Fit::matches) return;
  if (rule.deny_ech || !rule.inject.empty()) tally.must_identify = true;
  const bool by_ech = rule.deny_ech && query.ech;
  Action action = by_ech ? Action::deny : rule.action;
  if (action == Action::ask && is_answered(rule.key, query.answered)) {
    action = Action::allow;
    if (tally.answered == nullptr) tally.answered = &rule;
  }
  if (action != Action::deny) add_permitting(tally, rule, fit.hit, query);
  if (tally.winner == nullptr || action > tally.action) {
    tally.action = action;
    tally.winner = &rule;
    tally.by_ech = by_ech;
  }
}

std::string sentence(const Rule& rule, bool by_ech) {
  if (by_ech) return "the ClientHello uses ECH, which " + rule.where + " denies";
  if (!rule.reason.empty()) return rule.reason;
  switch (rule.action) {
    case Action::allow:
      return "allowed by " + rule.where;
    case Action::ask:
      return rule.where + " asks a person first";
    case Action::deny:
      break;
  }
  return "denied by " + rule.where;
}

// What of the request the question is about: whoever approves one POST has approved no DELETE.
void add_question(Verdict& verdict, const Rule& rule, const Query& query) {
  verdict.rule_key = rule.key;
  if (!query.request || !rule.looks_at_requests()) return;
  verdict.asks_method = query.request->method;
  if (rule.paths.empty()) return;
  // A path that may be read in several ways is a question of its own: a yes to a pattern is none to it.
  verdict.asks_path = query.request->path;
  const PathReadings path = read_path(query.request->path);
  const auto clear = std::find_if(rule.paths.begin(), rule.paths.end(),
                                  [&](const PathPattern& pattern) { return pattern.allows(path); });
  if (clear != rule.paths.end()) verdict.asks_path = clear->text();
}

Verdict from_rule(Tally tally, const Query& query) {
  Verdict verdict = tally.action == Action::deny ? Verdict{} : std::move(tally.verdict);
  const bool granted = tally.action == Action::allow && tally.answered != nullptr;
  if (granted) tally.winner = tally.answered;
  verdict.action = tally.action;
  if (tally.action != Action::allow) verdict.injections.clear();
  verdict.decided_by = granted ? DecidedBy::grant : DecidedBy::rule;
  if (tally.action == Action::ask) add_question(verdict, *tally.winner, query);
  verdict.rule = tally.winner->where;
  verdict.rule_id = tally.winner->id;
  verdict.reason = granted ? "a grant answers " + tally.winner->where : sentence(*tally.winner, tally.by_ech);
  verdict.identify = !tally.tcp || tally.must_identify;
  verdict.wildcard = tally.hit == Hit::wildcard || (tally.hit == Hit::any && tally.budget_for_any);
  if (!tally.has_expiry) verdict.expires.reset();
  return verdict;
}

Verdict from_default(Action action, const Query& query) {
  Verdict verdict;
  verdict.action = action;
  if (action == Action::ask && is_answered(default_key(), query.answered)) {
    verdict.action = Action::allow;
    verdict.decided_by = DecidedBy::grant;
    verdict.reason = "no rule names this, and a grant allows it";
    return verdict;
  }
  switch (action) {
    case Action::allow:
      verdict.reason = "no rule names this, and the default is allow";
      break;
    case Action::ask:
      verdict.reason = "no rule names this, and the default is to ask a person";
      verdict.rule_key = default_key();
      break;
    case Action::deny:
      verdict.reason = "no rule allows this";
      break;
  }
  return verdict;
}

Verdict decide_alone(const Policy::Impl& policy, const Query& query) {
  Tally tally;
  policy.for_each_rule_about(query.agent, query.to.host, [&](const Rule& rule) { add(tally, rule, query); });
  if (tally.winner != nullptr) return from_rule(std::move(tally), query);
  return from_default(policy.default_for(query.agent), query);
}

// Between two of these ports nothing in the policy changes.
void collect_ports(const Policy::Impl& policy, std::string_view agent, const Host& host,
                   std::vector<std::uint16_t>& ports) {
  policy.for_each_rule_about(agent, host, [&](const Rule& rule) {
    if (rule.names(host) == Hit::none) return;
    for (const PortRange& range : rule.ports) {
      ports.push_back(range.first);
      if (range.last < 65535) ports.push_back(static_cast<std::uint16_t>(range.last + 1));
    }
  });
  if (policy.boundary) collect_ports(policy.boundary->impl(), agent, host, ports);
}

}  // namespace

const AgentPolicy* Policy::Impl::agent(std::string_view name) const {
  const auto found = agents.find(name);
  return found == agents.end() ? nullptr : &found->second;
}

void Policy::Impl::index_rules() {
  index = RuleIndex(rules);
  for (auto& entry : agents) entry.second.index = RuleIndex(entry.second.rules);
}

Action Policy::Impl::default_for(std::string_view agent_name) const {
  const AgentPolicy* found = agent(agent_name);
  return found != nullptr && found->default_action ? *found->default_action : default_action;
}

Policy::Policy(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Policy::~Policy() = default;

Verdict Policy::decide(const Query& query) const {
  Verdict mine = decide_alone(*impl_, query);
  if (!impl_->boundary) return mine;
  const std::vector<std::string> answered = answered_within_boundary(query.answered);
  Query within = query;
  within.answered = answered;
  Verdict boundary = impl_->boundary->decide(within);
  if (boundary.action == Action::ask) boundary.rule_key.insert(0, boundary_prefix);
  return stricter(mine, std::move(boundary));
}

Verdict Policy::reachable(std::string_view agent, const HostName& name, WallClock::time_point now) const {
  Destination to{name, 443};
  std::vector<std::uint16_t> ports{443, 80, 81, 444, 1};
  collect_ports(*impl_, agent, to.host, ports);
  std::sort(ports.begin() + 1, ports.end());
  ports.erase(std::unique(ports.begin() + 1, ports.end()), ports.end());
  Verdict best;
  for (const std::uint16_t port : ports) {
    to.port = port;
    Query query{agent, to, Spoken::pending, std::nullopt, false, now};
    query.program_known = ProgramKnown::pending;
    Verdict verdict = decide(query);
    if (port == ports.front() || verdict.action < best.action) best = std::move(verdict);
    if (best.action == Action::allow) break;
  }
  return best;
}

std::optional<std::string> Policy::agent_of(const Address& source) const {
  const Address address = source.unmapped();
  const std::string* best = nullptr;
  unsigned best_length = 0;
  for (const auto& [name, agent] : impl_->agents) {
    for (const Cidr& block : agent.from) {
      if (!block.contains(address) || (best != nullptr && block.length() <= best_length)) continue;
      best = &name;
      best_length = block.length();
    }
  }
  return best != nullptr ? std::optional(*best) : std::nullopt;
}

std::vector<std::string> Policy::agent_names() const {
  std::vector<std::string> names;
  for (const auto& entry : impl_->agents) names.push_back(entry.first);
  return names;
}

bool Policy::has_agent(std::string_view name) const {
  return impl_->agent(name) != nullptr;
}

bool Policy::token_matches(std::string_view name, std::string_view token) const {
  const AgentPolicy* agent = impl_->agent(name);
  const Sha256Digest given = sha256(token);
  return agent != nullptr && agent->token && equal_in_constant_time(given, *agent->token);
}

const std::string& Policy::uid() const {
  return impl_->uid;
}
const std::string& Policy::text() const {
  return impl_->text;
}
const std::vector<SecretSource>& Policy::secrets() const {
  return impl_->secrets;
}
const std::vector<std::string>& Policy::files() const {
  return impl_->files;
}
const std::vector<Complaint>& Policy::warnings() const {
  return impl_->warnings;
}

const std::vector<Complaint>& Policy::notes() const {
  return impl_->notes;
}

}  // namespace sallyport
