// Which rules matched, which won and why; and which came close.
#include "policy/policy_impl.hpp"

namespace sallyport {
namespace {

std::string why(const Rule& rule, Fit fit) {
  switch (fit) {
    case Fit::matches:
      return "matches: " + rule.targets.text() + conditions_text(rule);
    case Fit::other_host:
      return "names other hosts";
    case Fit::excepted:
      return "does not match: the host is among its exceptions, " + rule.except.text();
    case Fit::expired:
      return "does not match: it has expired";
    case Fit::other_port:
      return rule.ports.empty() ? "does not match: without ports it is for 80 and 443"
                                : "does not match: another port; it is for" + conditions_text(rule).substr(1);
    case Fit::other_protocol:
      return "does not match: it is for protocol " + std::string(to_text(rule.protocol));
    case Fit::not_yet:
      return "may match once the connection has been looked at";
    case Fit::not_seen:
      return "does not match: its methods and paths need a request that is seen, and this one is not";
    case Fit::other_method:
      return "does not match: another method; it is for" + conditions_text(rule).substr(1);
    case Fit::other_path:
      return "does not match: another path; it is for" + conditions_text(rule).substr(1);
    case Fit::other_program:
      return "does not match: another program; it is for" + conditions_text(rule).substr(1);
    case Fit::unknown_program:
      return "does not match: it is for certain programs, and which one asks is not known";
  }
  return {};
}

}  // namespace

std::vector<std::string> texts_of(std::span<const std::shared_ptr<const Injection>> injections) {
  std::vector<std::string> texts;
  for (const auto& injection : injections) texts.push_back(injection->text() + " by " + injection->rule);
  return texts;
}

Policy::Explanation Policy::explain(const Query& query) const {
  Explanation explanation{decide(query), {}};
  const auto add = [&](const Rule& rule) {
    const HostFit fit = fits(rule, query);
    if (fit.fit == Fit::other_host) return;
    const bool by_ech = fit.fit == Fit::matches && rule.deny_ech && query.ech;
    Match match{rule.where, by_ech ? Action::deny : rule.action, false, why(rule, fit.fit)};
    match.won = fit.fit == Fit::matches && rule.where == explanation.verdict.rule;
    explanation.matches.push_back(std::move(match));
  };
  impl_->for_each_rule(query.agent, add);
  if (impl_->boundary) impl_->boundary->impl().for_each_rule(query.agent, add);
  if (query.spoken == Spoken::tls) explanation.inspected_by = needs_request(query);
  explanation.injects = texts_of(explanation.verdict.injections);
  return explanation;
}

}  // namespace sallyport
