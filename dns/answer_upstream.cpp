#include "dns/answer_query.hpp"
#include "dns/name_verdict.hpp"
#include "dns/replies.hpp"
#include "dns/special_names.hpp"

#include <algorithm>

namespace sallyport::dns {
namespace {

Reply failed_reply(const error_code& error, const AnswerOptions& options, QueryRecord& record) {
  if (error == make_error_code(ResolveFault::not_found)) {
    return negative_reply(Rcode::no_such_name, options.ttl, record);
  }
  if (error == make_error_code(ResolveFault::no_data)) return negative_reply(Rcode::no_error, options.ttl, record);
  Reply reply = negative_reply(Rcode::server_failure, options.negative_ttl, record);
  reply.error.emplace(ExtendedError::no_reachable_authority, error.message());
  record.reason = error.message();
  return reply;
}

// The first alias that a rule denies or that must never come from outside: why. A default of `deny` doesn't count, for
// nobody lists the delivery network behind the name they allow.
std::optional<std::string> denied_alias(const Policy& policy, const std::string& agent, const RecordAnswer& answer,
                                        WallClock::time_point now) {
  for (const HostName& alias : answer.aliases) {
    if (special_name(alias) != SpecialName::none) return "it is an alias of the reserved name " + alias.text();
    const Verdict verdict = policy.reachable(agent, alias, now);
    if (verdict.action == Action::deny && verdict.decided_by != DecidedBy::default_) {
      return "it is an alias of " + alias.text() + ": " + verdict.reason;
    }
  }
  return std::nullopt;
}

struct Guarded {
  std::vector<Record> records;
  std::optional<std::string> refused;  // why the last dropped address was
};

// Drops the addresses that the guard refuses.
Guarded guard_addresses(const Policy& policy, const Verdict& verdict, const std::string& agent, const HostName& name,
                        const AnswerOptions& options, const RecordAnswer& answer, WallClock::time_point now) {
  constexpr std::uint16_t any_web_port = 443;
  const Destination destination{Host(name), any_web_port};
  sallyport::Query query{agent, destination, Spoken::pending, std::nullopt, false, now};
  Guarded guarded;
  for (const Record& record : answer.records) {
    if (is_address(record.type)) {
      if (auto why = policy.guard(query, verdict, address_in(record), options.nat64)) {
        guarded.refused = std::move(why);
        continue;
      }
    }
    guarded.records.push_back(record);
  }
  return guarded;
}

Reply positive_reply(const Services& services, const AnswerOptions& options, const std::string& agent,
                     const HostName& name, std::vector<Record> records, std::chrono::seconds left,
                     QueryRecord& record) {
  const auto now = std::chrono::steady_clock::now();
  Reply reply;
  for (Record& answer : records) {
    answer.ttl = static_cast<std::uint32_t>(std::min<std::int64_t>(left.count(), options.ttl));
    if (is_address(answer.type)) services.given.give(agent, address_in(answer), name, now, now + options.given_for);
    reply.answers.push_back(std::move(answer));
  }
  note_answers(reply, record);
  return reply;
}

}  // namespace

Task<Reply> answer_upstream(const Services& services, const AnswerOptions& options, Asked asked, QueryRecord& record) {
  const RecordType type = asked.query.question.type;
  const auto name = HostName::parse(asked.query.question.name.text());
  if (!name) co_return negative_reply(Rcode::no_such_name, options.negative_ttl, record);
  const HostName& wanted = *name;
  const Result<RecordAnswer> answer = co_await services.resolver.query(wanted, type);
  if (!answer) co_return failed_reply(answer.error(), options, record);

  // The policy may have changed while the upstream was asked: the one in force now has the word.
  const auto policy = services.policy();
  const Verdict verdict = upstream_verdict(services, asked.agent, wanted, type, record.time);
  if (!policy || verdict.action == Action::deny) {
    co_return denied_reply(Rcode::no_such_name, ExtendedError::blocked, verdict.reason, verdict.decided_by,
                           options.negative_ttl, record);
  }
  const auto alias = denied_alias(*policy, asked.agent, *answer, record.time);
  if (alias) {
    co_return denied_reply(Rcode::no_such_name, ExtendedError::blocked, *alias, DecidedBy::rule, options.negative_ttl,
                           record);
  }
  const Guarded guarded = guard_addresses(*policy, verdict, asked.agent, wanted, options, *answer, record.time);
  const auto is_wanted = [type](const Record& found) { return found.type == type; };
  if (std::none_of(guarded.records.begin(), guarded.records.end(), is_wanted)) {
    // No data rather than no name: the other family may be in order.
    co_return denied_reply(Rcode::no_error, ExtendedError::blocked, guarded.refused.value_or("no address is left"),
                           DecidedBy::guard, options.negative_ttl, record);
  }
  co_return positive_reply(services, options, asked.agent, wanted, guarded.records, answer->ttl, record);
}

}  // namespace sallyport::dns
