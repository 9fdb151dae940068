// Opening the store, and what the thread that writes it takes from memory.
#include "approvals/state.hpp"

#include <algorithm>

namespace sallyport {

Approvals::State::State(ApprovalLimits of, AuditLog& log, Now clock) : limits(of), audit(log), now(std::move(clock)) {}

void Approvals::State::open(const std::string& path) {
  auto file = std::make_unique<Store>(path);
  Store::Contents contents = file->load();
  const auto wall = now();
  const auto steady = std::chrono::steady_clock::now();
  for (ApprovalRow& row : contents.approvals) {
    sequence = std::max(sequence, row.sequence);
    auto record = std::make_shared<ApprovalRecord>(std::move(row), std::string());
    const Approval& approval = record->approval();
    approvals.emplace(approval.id, record);
    if (approval.state == Approval::State::pending) {
      record->key = approval.question.key();
      by_key.emplace(record->key, record);
      pending.emplace(record->row.sequence, record);
      count_pending(approval.question.agent, 1);
    } else {
      decided.emplace(DecidedAt(approval.decided, record->row.sequence), record);
    }
  }
  for (GrantRow& row : contents.grants) {
    sequence = std::max(sequence, row.sequence);
    auto record = std::make_shared<GrantRecord>(std::move(row));
    record->deadline = steady + std::min<std::chrono::nanoseconds>(record->grant().expires - wall, longest_ttl);
    put_in_force(record);
  }
  for (auto one = decided.rbegin(); one != decided.rend(); ++one) {
    const auto grant = grants.find(one->second->approval().grant);
    if (grant != grants.end()) {
      grant->second->approvals.push_back(one->second->approval().id);
    } else {
      closed.push_back(one->second->approval().id);
    }
  }
  for (auto one = grants_by_age.rbegin(); one != grants_by_age.rend(); ++one) {
    GrantRecord& grant = *one->second;
    if (grant.grant().end != Grant::End::none) {
      close(grant);
    } else {
      // A reservation that was not given back before a crash may have been sent.
      end_if_used_up(grant);
    }
  }
  trim();
  store = std::make_unique<StoreThread>(
      std::move(file), StoreThread::Book{[this] { return collect(); }, [this](const Changes& kept) { keep(kept); }});
  store->wake(StoreThread::Urgency::now);
}

Changes Approvals::State::collect() {
  Changes changes;
  const std::lock_guard lock(mutex);
  for (const std::string& id : changed_approvals) {
    const auto found = approvals.find(id);
    if (found != approvals.end()) changes.approvals.push_back(found->second->row);
  }
  for (const std::string& id : changed_grants) {
    const auto found = grants.find(id);
    if (found != grants.end()) changes.grants.push_back(found->second->row);
  }
  changed_approvals.clear();
  changed_grants.clear();
  changes.erased.swap(erased);
  return changes;
}

void Approvals::State::keep(const Changes& changes) {
  const std::lock_guard lock(mutex);
  for (const ApprovalRow& row : changes.approvals) changed_approvals.insert(row.approval.id);
  for (const GrantRow& row : changes.grants) changed_grants.insert(row.grant.id);
  erased.insert(erased.end(), changes.erased.begin(), changes.erased.end());
}

void Approvals::State::changed(const ApprovalRecord& record, StoreThread::Urgency urgency) {
  changed_approvals.insert(record.approval().id);
  if (store) store->wake(urgency);
}

void Approvals::State::changed(const GrantRecord& record, StoreThread::Urgency urgency) {
  changed_grants.insert(record.grant().id);
  if (store) store->wake(urgency);
}

void Approvals::State::count_pending(const std::string& agent, int by) {
  Load& load = agents[agent];
  const bool had = load.pending != 0;
  load.pending = by > 0 ? load.pending + 1 : load.pending - 1;
  const bool has = load.pending != 0;
  if (has && !had) ++agents_with_pending;
  if (had && !has) --agents_with_pending;
  if (load.pending == 0 && load.held == 0) agents.erase(agent);
}

void Approvals::State::count_held(const std::string& agent, int by) {
  Load& load = agents[agent];
  load.held = by > 0 ? load.held + 1 : load.held - 1;
  held = by > 0 ? held + 1 : held - 1;
  if (load.pending == 0 && load.held == 0) agents.erase(agent);
}

}  // namespace sallyport
