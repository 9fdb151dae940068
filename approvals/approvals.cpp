// What is shown, and what time ends.
#include "approvals/approvals.hpp"

#include "approvals/state.hpp"

#include <algorithm>

namespace sallyport {
namespace {

bool fits(const Question& question, const std::string& agent, const std::string& host) {
  return (agent.empty() || question.agent == agent) && (host.empty() || question.to.host.text() == host);
}

}  // namespace

Approvals::Approvals(const std::string& store, ApprovalLimits limits, AuditLog& audit, Now now)
    : state_(std::make_shared<State>(limits, audit, std::move(now))) {
  state_->open(store);
  sweep();
}

Approvals::~Approvals() {
  state_->store->stop();
  const std::lock_guard lock(state_->mutex);
  for (const auto& [number, record] : state_->pending) {
    while (!record->waiters.empty()) state_->dequeue(*std::shared_ptr<Waiter>(record->waiters.front()));
  }
}

std::vector<Approval> Approvals::approvals(const Filter& filter) const {
  std::vector<Approval> found;
  const std::lock_guard lock(state_->mutex);
  const auto take = [&](const ApprovalRecord& record) {
    const Approval& approval = record.approval();
    if (filter.state && approval.state != *filter.state) return;
    if (fits(approval.question, filter.agent, filter.host)) found.push_back(approval);
  };
  auto pending = state_->pending.begin();
  auto decided = state_->decided.begin();
  if (!filter.after.empty()) {
    const auto after = state_->approvals.find(filter.after);
    if (after == state_->approvals.end()) return found;
    const ApprovalRecord& record = *after->second;
    const bool among_decided = record.approval().state != Approval::State::pending;
    pending = state_->pending.upper_bound(record.row.sequence);
    // Where only pending ones are listed, one that was decided meanwhile still says how far the reader was.
    if (among_decided && filter.state != Approval::State::pending) {
      pending = state_->pending.end();
      decided = state_->decided.upper_bound(State::DecidedAt(record.approval().decided, record.row.sequence));
    }
  }
  for (; pending != state_->pending.end() && found.size() < filter.limit; ++pending) take(*pending->second);
  if (filter.state == Approval::State::pending) return found;
  for (; decided != state_->decided.end() && found.size() < filter.limit; ++decided) take(*decided->second);
  return found;
}

std::optional<Approval> Approvals::approval(const std::string& id) const {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->approvals.find(id);
  if (found == state_->approvals.end()) return std::nullopt;
  return found->second->approval();
}

std::vector<Grant> Approvals::grants(const GrantFilter& filter) const {
  std::vector<Grant> found;
  const std::lock_guard lock(state_->mutex);
  auto grant = state_->grants_by_age.begin();
  if (!filter.after.empty()) {
    const auto after = state_->grants.find(filter.after);
    if (after == state_->grants.end()) return found;
    grant = state_->grants_by_age.upper_bound(after->second->row.sequence);
  }
  for (; grant != state_->grants_by_age.end() && found.size() < filter.limit; ++grant) {
    const Grant& one = grant->second->grant();
    if (!filter.ended && one.end != Grant::End::none) continue;
    if (fits(one.question, filter.agent, filter.host)) found.push_back(one);
  }
  return found;
}

std::optional<Grant> Approvals::grant(const std::string& id) const {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->grants.find(id);
  if (found == state_->grants.end()) return std::nullopt;
  return found->second->grant();
}

Approvals::Counts Approvals::counts() const {
  const std::lock_guard lock(state_->mutex);
  return {state_->pending.size(), state_->held, state_->index.size()};
}

void Approvals::sweep() {
  {
    const std::lock_guard lock(state_->mutex);
    const auto at = state_->now();
    state_->expire_grants(at);
    state_->expire_approvals(at);
    state_->trim();
  }
  state_->publish();
}

void Approvals::State::expire_grants(WallClock::time_point at) {
  while (!grants_by_expiry.empty() && grants_by_expiry.begin()->second->is_due(at)) {
    const std::shared_ptr<GrantRecord> record = grants_by_expiry.begin()->second;
    if (record->grant().end == Grant::End::none) {
      end(*record, Grant::End::expired, at, itself());
      log_end(record->grant());
      continue;
    }
    // It was used up; what it let in has lived on it until now.
    lapse(*record);
    Grant gone = record->grant();
    gone.end = Grant::End::expired;
    tell(Ended{std::move(gone)});
  }
}

void Approvals::State::expire_approvals(WallClock::time_point at) {
  Records old;
  for (const auto& [number, record] : pending) {
    const bool idle = !record->busy && record->waiters.empty();
    if (idle && at >= record->approval().last_seen + limits.pending_ttl) old.push_back(record);
  }
  for (const auto& record : old) {
    close(*record, Approval::State::expired, at);
    closed.push_back(record->approval().id);
    changed(*record, StoreThread::Urgency::now);
    log_expiry(record->approval());
    tell(Expired{record->approval().id});
  }
}

}  // namespace sallyport
