#include "policy/replay.hpp"

#include "policy/identify_by_name.hpp"

#include <algorithm>
#include <array>

namespace sallyport {
namespace {

using Kind = RecordedAttempt::Kind;

constexpr std::size_t most_differences = 10'000, most_told = 200'000;

std::string target_of(const RecordedAttempt& attempt) {
  if (attempt.kind == Kind::lookup) return "name " + attempt.host.text();
  std::string to = Destination{attempt.host, attempt.port}.text();
  if (attempt.kind == Kind::connection) return to;
  const char* scheme = attempt.spoken == Spoken::tls ? " https://" : " http://";
  return attempt.method + scheme + to + attempt.path;
}

}  // namespace

Verdict Replay::ask(const RecordedAttempt& attempt, Spoken spoken) const {
  if (attempt.kind == Kind::lookup) return policy_->reachable(attempt.agent, *attempt.host.name(), now_);
  const Destination to{attempt.host, attempt.port};
  Query query{attempt.agent, to, spoken, std::nullopt, attempt.ech, now_};
  if (attempt.kind == Kind::request) query.request = SeenRequest{attempt.method, attempt.path};
  if (const auto file = attempt.program.empty() ? std::nullopt : identify_by_name(attempt.program)) {
    query.program = Program{*file, attempt.program};
    query.program_known = ProgramKnown::known;
  }
  // Now its requests would be seen, and each be decided by itself: what they were the log tells, if at all, in records
  // of their own.
  const bool is_tunnel = attempt.kind == Kind::connection && spoken == Spoken::tls;
  if (is_tunnel && policy_->needs_request(query)) query.spoken = Spoken::pending;
  return policy_->decide(query);
}

bool Replay::is_same(const RecordedAttempt& attempt, Action before, const Verdict& verdict) const {
  if (verdict.action == before) return true;
  const bool known = attempt.kind != Kind::connection || attempt.spoken != Spoken::pending;
  if (known || attempt.let_through) return false;
  // Refused or held for what it spoke, perhaps, and the log does not tell what that was.
  constexpr std::array all{Spoken::tls, Spoken::http, Spoken::ssh, Spoken::other, Spoken::silent};
  return std::any_of(all.begin(), all.end(), [&](Spoken spoken) { return ask(attempt, spoken).action == before; });
}

bool Replay::is_told_by_other_record(const RecordedAttempt& attempt, Action before, Action after) {
  if (attempt.kind == Kind::lookup || attempt.correlation.empty()) return false;
  const std::string to = Destination{attempt.host, attempt.port}.text();
  const Kind other = attempt.kind == Kind::request ? Kind::connection : Kind::request;
  if (told_.contains({attempt.correlation, other, to, before, after})) return true;
  if (told_.size() < most_told) told_.insert({attempt.correlation, attempt.kind, to, before, after});
  return false;
}

void Replay::add(const RecordedAttempt& attempt) {
  const bool not_the_policys = attempt.decided_by == DecidedBy::guard || attempt.decided_by == DecidedBy::limit;
  if (not_the_policys || (attempt.kind == Kind::lookup && attempt.host.name() == nullptr)) {
    counts_.left_out += attempt.count;
    return;
  }
  // A grant answers where the policy asked.
  const Action before = attempt.decided_by == DecidedBy::grant ? Action::ask : attempt.verdict;
  const Verdict verdict = ask(attempt, attempt.spoken);
  if (is_told_by_other_record(attempt, before, verdict.action)) return;
  counts_.attempts += attempt.count;
  if (is_same(attempt, before, verdict)) {
    counts_.same += attempt.count;
    return;
  }
  counts_.different += attempt.count;
  const bool reached = attempt.let_through && attempt.kind != Kind::lookup;
  if (reached && verdict.action == Action::deny) counts_.now_refused += attempt.count;
  const Key key{attempt.agent, target_of(attempt), before, verdict.action};
  auto known = differences_.find(key);
  if (known == differences_.end()) {
    if (differences_.size() == most_differences) {
      counts_.untold += attempt.count;
      return;
    }
    known = differences_.emplace(key, Difference{0, false, verdict, attempt.time}).first;
  }
  known->second.count += attempt.count;
  known->second.was_reached = known->second.was_reached || reached;
  known->second.last = std::max(known->second.last, attempt.time);
}

}  // namespace sallyport
