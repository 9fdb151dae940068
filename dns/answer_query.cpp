#include "dns/answer_query.hpp"

#include "dns/fresh_correlation.hpp"
#include "dns/name_verdict.hpp"
#include "dns/replies.hpp"
#include "dns/special_names.hpp"

#include <array>

namespace sallyport::dns {
namespace {

// One query on its way to an answer: what every step below needs.
struct Step {
  const Services& services;
  const AnswerOptions& options;
  const Asked& asked;
  QueryRecord& record;

  RecordType type() const { return asked.query.question.type; }
  const WireName& name() const { return asked.query.question.name; }
  Reply no_data() const { return negative_reply(Rcode::no_error, options.ttl, record); }
  Reply deny(Rcode rcode, ExtendedError error, const std::string& reason, DecidedBy by) const {
    return denied_reply(rcode, error, reason, by, options.negative_ttl, record);
  }
  void allowed(const std::string& reason) const {
    record.verdict = Action::allow;
    record.reason = reason;
  }
  Reply with_address(const Address& address) const {
    Reply reply;
    reply.answers.push_back(address_record(name(), address.bytes(), options.ttl));
    note_answers(reply, record);
    return reply;
  }
};

Reply answer_localhost(const Step& step) {
  step.allowed("localhost is the sandbox's own loopback");
  if (step.type() == RecordType::a) return step.with_address(Address::v4({127, 0, 0, 1}));
  if (step.type() != RecordType::aaaa) return step.no_data();
  std::array<std::uint8_t, 16> one{};
  one.back() = 1;
  return step.with_address(Address::v6(one));
}

Reply answer_reverse(const Step& step) {
  const auto nothing = [&] { return negative_reply(Rcode::no_such_name, step.options.negative_ttl, step.record); };
  step.allowed("reverse names are answered for synthetic addresses alone");
  const auto bytes = address_of_arpa(step.name());
  if (step.type() != RecordType::ptr || !bytes) return nothing();
  std::array<std::uint8_t, 16> all{};
  std::copy(bytes->begin(), bytes->end(), all.begin());
  const Address address = bytes->size() == 4 ? Address::v4({all[0], all[1], all[2], all[3]}) : Address::v6(all);
  const auto lease = step.services.leases.peek(step.asked.agent, address);
  if (!lease) return nothing();
  const auto target = WireName::from_text(lease->name.text());
  if (!target) return nothing();
  step.record.correlation = lease->correlation;
  step.record.lasting = true;
  Reply reply;
  reply.answers.push_back(name_record(step.name(), RecordType::ptr, *target, step.options.ttl));
  note_answers(reply, step.record);
  return reply;
}

Reply answer_synthetic(const Step& step, const HostName& name) {
  const auto lease = step.services.leases.lease(step.asked.agent, name);
  if (!lease) {
    return step.deny(Rcode::server_failure, ExtendedError::other, std::string(sentence(lease.error())),
                     DecidedBy::limit);
  }
  step.record.correlation = lease->correlation;
  step.record.lasting = true;
  return step.with_address(step.type() == RecordType::a ? lease->v4 : lease->v6);
}

// The budget of distinct names under wildcards; an `ask` has none, for no packet leaves before its answer.
std::optional<Reply> over_budget(const Step& step, const HostName& name, const Verdict& verdict) {
  if (!verdict.wildcard || verdict.action != Action::allow) return std::nullopt;
  const unsigned limit = verdict.limits.names.value_or(NameBudget::default_limit);
  if (step.services.budget.charge(step.asked.agent, name, limit, std::chrono::steady_clock::now())) return std::nullopt;
  return step.deny(Rcode::refused, ExtendedError::prohibited,
                   "more than " + std::to_string(limit) + " names in an hour under a wildcard rule", DecidedBy::limit);
}

Reply denied_by_policy(const Step& step, const Verdict& verdict, Rcode rcode) {
  return step.deny(rcode, ExtendedError::blocked, verdict.reason, verdict.decided_by);
}

// What would have to be asked of the upstream. nullopt: it may be.
std::optional<Reply> before_upstream(const Step& step, const HostName& name) {
  const std::string& agent = step.asked.agent;
  const Verdict verdict = upstream_verdict(step.services, agent, name, step.type(), step.record.time);
  note(verdict, step.record);
  if (verdict.action == Action::deny) {
    // The name may be reached, so it exists; this type of it is refused.
    return denied_by_policy(step, verdict, Rcode::refused);
  }
  if (verdict.action == Action::allow) return over_budget(step, name, verdict);
  if (step.services.granted && step.services.granted(step.record, name, verdict)) {
    step.record.verdict = Action::allow;
    step.record.decided_by = DecidedBy::grant;
    return std::nullopt;
  }
  step.record.correlation = fresh_correlation();
  if (step.services.on_ask) step.record.approval = step.services.on_ask(step.record, name, verdict);
  Reply reply = negative_reply(Rcode::refused, step.options.negative_ttl, step.record);
  const std::string which = step.record.approval.empty() ? "an approval" : "approval " + step.record.approval;
  reply.error.emplace(ExtendedError::prohibited, "waiting for " + which + ": " + verdict.reason);
  return reply;
}

std::optional<Reply> answer_name(const Step& step, const HostName& name, SpecialName special) {
  const auto policy = step.services.policy();
  if (!policy) {
    return step.deny(Rcode::refused, ExtendedError::other, "no policy is in force", DecidedBy::default_);
  }
  const Verdict reachable = policy->reachable(step.asked.agent, name, step.record.time);
  note(reachable, step.record);
  if (reachable.action == Action::deny) return denied_by_policy(step, reachable, Rcode::no_such_name);
  if (is_service_binding(step.type())) return step.no_data();
  const bool own = special == SpecialName::below_sallyport;
  if (own && !is_address(step.type())) return step.no_data();
  if (is_address(step.type()) && (own || step.options.mode == Mode::synthetic)) {
    if (auto refused = over_budget(step, name, reachable)) return refused;
    Reply reply = answer_synthetic(step, name);
    if (reachable.expires) step.record.lasting = false;  // what ends by the clock is judged each time
    return reply;
  }
  return before_upstream(step, name);
}

}  // namespace

std::optional<Reply> answer_query(const Services& services, const AnswerOptions& options, const Asked& asked,
                                  QueryRecord& record) {
  const Step step{services, options, asked, record};
  const Question& question = asked.query.question;
  record.name = question.name.text();
  record.type = question.type;
  if (question.klass != RecordClass::internet || is_meta(question.type)) {
    return step.deny(Rcode::refused, ExtendedError::prohibited, "this type or class of DNS query is not answered",
                     DecidedBy::default_);
  }
  if (question.name.is_root()) {
    return step.deny(Rcode::refused, ExtendedError::prohibited, "the root is not answered for", DecidedBy::default_);
  }
  const auto name = HostName::parse(question.name.text());
  if (!name) {
    return step.deny(Rcode::no_such_name, ExtendedError::blocked, "this is no host name: " + name.error().text,
                     DecidedBy::default_);
  }
  const SpecialName special = special_name(*name);
  switch (special) {
    case SpecialName::localhost:
      return answer_localhost(step);
    case SpecialName::reverse:
      return answer_reverse(step);
    case SpecialName::doh_canary:
      return step.deny(Rcode::no_such_name, ExtendedError::blocked, "DNS over HTTPS would go past the policy",
                       DecidedBy::default_);
    case SpecialName::sallyport:
      step.allowed("Sallyport's own name");
      return is_address(question.type) ? answer_synthetic(step, *name) : step.no_data();
    case SpecialName::below_sallyport:
    case SpecialName::none:
      break;
  }
  return answer_name(step, *name, special);
}

}  // namespace sallyport::dns
