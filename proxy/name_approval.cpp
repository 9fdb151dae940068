#include "proxy/name_approval.hpp"

namespace sallyport {
namespace {

bool is_address(const dns::QueryRecord& query) {
  return query.type == dns::RecordType::a || query.type == dns::RecordType::aaaa;
}

// A query has no port. Whoever wants an address wants the web, as a rule; other types are a matter of DNS itself.
Question question_of(const dns::QueryRecord& query, const HostName& name, const Verdict& verdict) {
  const std::uint16_t port = is_address(query) ? 443 : 53;
  return Question{query.agent, Destination{name, port}, verdict.rule_key, {}, {}};
}

}  // namespace

std::string ask(Shared& shared, const dns::QueryRecord& query, const HostName& name, const Verdict& verdict) {
  const Question question = question_of(query, name, verdict);
  if (const auto answer = shared.approvals.find(question)) return answer->approval;
  Circumstances known;
  known.rule = verdict.rule;
  known.reason = verdict.reason;
  known.protocol = "dns " + dns::text_of(query.type);
  known.door = Door::dns;
  known.source = query.source;
  known.context = shared.internal.contexts.find(context_key(query.agent, query.source), Clock::now());
  known.policy_uid = shared.policy.current()->uid();
  known.correlation = query.correlation;
  // Where it can't be asked the query is refused all the same.
  const auto recorded = shared.approvals.ask(question, std::move(known));
  return recorded ? *recorded : std::string();
}

// Another rule may ask once this one is answered; each has to be.
bool is_granted(Shared& shared, const dns::QueryRecord& query, const HostName& name, const Verdict& verdict) {
  if (is_address(query)) return shared.approvals.opens(query.agent, name);
  const auto policy = shared.policy.current();
  const std::string type = dns::text_of(query.type);
  std::vector<std::string> answered;
  Verdict asking = verdict;
  while (asking.action == Action::ask) {
    const auto answer = shared.approvals.find(question_of(query, name, asking));
    if (!answer || !answer->approved || answer->bounded) return false;
    answered.push_back(asking.rule_key);
    asking = policy->decide_dns(query.agent, name, type, WallClock::now(), answered);
    if (asking.action == Action::ask && asking.rule_key == answered.back()) return false;
  }
  return asking.action == Action::allow;
}

}  // namespace sallyport
