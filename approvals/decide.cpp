// A decision: checked, logged, written, and only then in force.
#include "approvals/state.hpp"
#include "policy/public_suffix.hpp"

#include <algorithm>

namespace sallyport {
namespace {

std::optional<Approvals::DecideFault> bounds_fault(const Decision& decision) {
  using Fault = Approvals::DecideFault;
  if (decision.ttl && (decision.ttl->count() <= 0 || *decision.ttl > longest_ttl)) return Fault::not_allowed;
  if (decision.uses == 0U || decision.upload == 0U) return Fault::not_allowed;
  if (decision.upload && (!decision.approve || *decision.upload > largest_bound)) return Fault::not_allowed;
  if (decision.uses && (decision.scope == Scope::once || *decision.uses > largest_bound)) return Fault::not_allowed;
  return std::nullopt;
}

// For those who wait: one of them takes all of the upload.
void reserve(GrantRecord& record, std::uint64_t slots) {
  Grant& grant = record.grant();
  grant.used += slots;
  if (grant.uses_left) *grant.uses_left -= slots;
  if (grant.upload_left && slots != 0) {
    grant.upload_left = 0;
    ++record.reservations;
  }
}

// Subdomains of it are one owner's.
bool has_one_owner(const Host& host) {
  const HostName* name = host.name();
  return name != nullptr && name->text().find('.') != std::string::npos &&
         suffix_kind(name->text()) == SuffixKind::none && name->text().size() >= registrable_domain(*name).size();
}

}  // namespace

struct Approvals::State::Act {
  // A question, its answer, and those who get it.
  struct Part {
    std::shared_ptr<ApprovalRecord> record;
    std::shared_ptr<GrantRecord> grant;
    std::uint64_t slots = 0;  // how many of those who wait it lets through
    bool first = true;        // of its grant; the others are questions that the same grant answers
    std::vector<std::shared_ptr<Waiter>> answered, again;
    std::optional<Answer> answer;
    std::optional<Decided> decided;

    void answer_all(State& state);
    void close(State& state);
  };
  std::vector<Part> parts;
  Records to_look_again;  // questions that a counted grant might answer: theirs is to try
  std::vector<std::shared_ptr<Waiter>> others;
  bool finished = false, written = false;

  Changes as_changes(const Actor& by) const;
  void wake_the_uncertain(State& state);
  void tell_of_all(State& state);
};

std::optional<Approvals::DecideFault> Approvals::State::refusal(const Records& records,
                                                                const Decision& decision) const {
  if (const auto fault = bounds_fault(decision)) return fault;
  if (decision.match == Match::host) return std::nullopt;
  const bool narrow = std::all_of(records.begin(), records.end(), [](const auto& record) {
    return has_one_owner(record->approval().question.to.host);
  });
  return narrow ? std::nullopt : std::optional(DecideFault::too_wide);
}

std::shared_ptr<GrantRecord> Approvals::State::grant_for(const ApprovalRecord& record, const Decision& decision,
                                                         const Actor& by) {
  const auto at = now();
  const auto ttl = decision.ttl.value_or(limits.grant);
  const std::uint64_t waiting = record.waiters.size();
  GrantRow row{Grant{.id = new_id("gr_"),
                     .approval = record.approval().id,
                     .question = record.approval().question,
                     .decision = decision,
                     .by = by,
                     .created = at,
                     .expires = at + ttl,
                     .uses_left = decision.uses,
                     .upload_left = decision.upload,
                     .used = 0,
                     .end = Grant::End::none,
                     .ended = {},
                     .ended_by = {}},
               ++sequence};
  row.grant.decision.ttl = ttl;
  if (decision.scope == Scope::once) row.grant.uses_left = std::max<std::uint64_t>(1, waiting);
  auto grant = std::make_shared<GrantRecord>(std::move(row));
  grant->deadline = std::chrono::steady_clock::now() + ttl;
  return grant;
}

std::shared_ptr<Approvals::State::Act> Approvals::State::prepare(const Records& records, const Decision& decision,
                                                                 const Actor& by) {
  auto act = std::make_shared<Act>();
  for (const auto& record : records) record->busy = true;
  for (const auto& record : records) {
    const std::uint64_t waiting = record->waiters.size();
    const auto grant = grant_for(*record, decision, by);
    // Spent in the same write, so that a crash can't give them again.
    std::uint64_t slots = std::min(waiting, grant->grant().uses_left.value_or(waiting));
    if (decision.upload) slots = std::min<std::uint64_t>(slots, 1);
    reserve(*grant, slots);
    act->parts.push_back({record, grant, slots, true, {}, {}, {}, {}});
    for (const auto& [number, other] : pending) {
      if (other->busy || !grant->offers(grant->grant().created) ||
          !GrantIndex::covers(grant->grant(), other->approval().question))
        continue;
      if (grant->is_bounded()) {
        act->to_look_again.push_back(other);
      } else {
        other->busy = true;
        act->parts.push_back({other, grant, other->waiters.size(), false, {}, {}, {}, {}});
      }
    }
  }
  return act;
}

// The answer is in force, and those who wait for it are told apart: who gets it, and who has to look again.
void Approvals::State::Act::Part::answer_all(State& state) {
  grant->approvals.push_back(record->approval().id);
  if (first) state.put_in_force(grant);
  answer = state.answer_of(*grant);
  if (grant->grant().decision.upload) answer->upload = grant->grant().decision.upload;
  const std::uint64_t expected = slots;
  while (!record->waiters.empty()) {
    std::shared_ptr<Waiter> waiter = record->waiters.front();
    state.dequeue(*waiter);
    const bool counted = grant->is_bounded();
    if (counted && slots == 0) {
      again.push_back(std::move(waiter));
      continue;
    }
    if (counted) {
      --slots;
    } else if (answered.size() >= expected || !first) {
      ++grant->grant().used;  // came while it was written
    }
    answered.push_back(std::move(waiter));
  }
}

void Approvals::State::Act::Part::close(State& state) {
  const Grant& given = grant->grant();
  Approval& approval = record->approval();
  approval.decision = given.decision;
  approval.by = given.by;
  approval.grant = given.id;
  state.close(*record, given.decision.approve ? Approval::State::approved : Approval::State::denied, given.created);
  state.changed(*record, StoreThread::Urgency::soon);
  // Those who left while it was written have used nothing.
  for (; grant->is_bounded() && slots > 0; --slots) state.put_back(*grant, answer->upload);
}

void Approvals::State::Act::wake_the_uncertain(State& state) {
  for (const auto& record : to_look_again) {
    while (!record->busy && !record->waiters.empty()) {
      others.push_back(record->waiters.front());
      state.dequeue(*others.back());
    }
    state.tell(Waiting{record->approval().id, record->approval().waiting});
  }
}

void Approvals::State::Act::tell_of_all(State& state) {
  for (Part& part : parts) {
    const std::uint64_t released = part.answered.size() + part.again.size();
    part.decided = Decided{part.record->approval(), part.grant->grant(), released};
    if (state.has_listeners()) state.tell(WasDecided{*part.decided});
  }
}

// On the store's thread, before anything else can see or write these records.
void Approvals::State::apply(Act& act, bool written) {
  const std::lock_guard lock(mutex);
  for (Act::Part& part : act.parts) {
    part.record->busy = false;
    if (!written) continue;
    part.answer_all(*this);
    part.close(*this);
  }
  if (written) {
    act.wake_the_uncertain(*this);
    act.tell_of_all(*this);
    for (Act::Part& part : act.parts) {
      if (part.first) end_if_used_up(*part.grant);
    }
    trim();
  }
  act.written = written;
  act.finished = true;
  settled.notify_all();
}

// In the order of arrival, with no lock held. A use whose owner left in this very moment goes back.
void Approvals::State::release(Act& act) {
  for (Act::Part& part : act.parts) {
    for (const auto& waiter : part.answered) {
      if (waiter->tell(part.answer) || !part.grant->is_bounded()) continue;
      const std::lock_guard lock(mutex);
      if (part.grant->grant().end == Grant::End::none) put_back(*part.grant, part.answer->upload);
    }
    for (const auto& waiter : part.again) waiter->tell(std::nullopt);
  }
  for (const auto& waiter : act.others) waiter->tell(std::nullopt);
}

// What the store will hold once this is decided.
Changes Approvals::State::Act::as_changes(const Actor& by) const {
  Changes changes;
  for (const Part& part : parts) {
    const Grant& grant = part.grant->grant();
    ApprovalRow row = part.record->row;
    row.approval.state = grant.decision.approve ? Approval::State::approved : Approval::State::denied;
    row.approval.decision = grant.decision;
    row.approval.by = by;
    row.approval.decided = grant.created;
    row.approval.grant = grant.id;
    changes.approvals.push_back(std::move(row));
    if (part.first) changes.grants.push_back(part.grant->row);
  }
  return changes;
}

// The log first: an answer in force that nobody finds there is worse than a record of one that then failed. How many of
// them it took: none after the first that it refused.
std::size_t Approvals::State::log_all(const Act& act, const std::vector<ApprovalRow>& rows) {
  std::size_t logged = 0;
  while (logged < rows.size() && log_works() &&
         log_decision(rows[logged].approval, act.parts[logged].grant->grant(), true))
    ++logged;
  return logged;
}

Approvals::State::AllDecided Approvals::State::decide(std::unique_lock<std::mutex>& lock, const Records& records,
                                                      const Decision& decision, const Actor& by) {
  if (const auto fault = refusal(records, decision)) return *fault;
  const std::shared_ptr<Act> act = prepare(records, decision, by);
  Changes changes = act->as_changes(by);
  lock.unlock();

  const std::vector<ApprovalRow> rows = changes.approvals;
  const std::size_t logged = log_all(*act, rows);
  if (logged == rows.size()) {
    store->submit(std::move(changes), [this, act](bool written) { apply(*act, written); });
  } else {
    apply(*act, false);
  }
  lock.lock();
  settled.wait(lock, [&] { return act->finished; });
  lock.unlock();
  if (!act->written) {
    for (std::size_t part = 0; part < logged; ++part) {
      (void)log_decision(rows[part].approval, act->parts[part].grant->grant(), false);
    }
    return DecideFault::store;
  }
  release(*act);
  publish();
  std::vector<Decided> all;
  for (Act::Part& part : act->parts) all.push_back(std::move(*part.decided));
  return all;
}

boost::system::result<Approvals::Decided, Approvals::DecideFault> Approvals::decide(const std::string& id,
                                                                                    const Decision& decision,
                                                                                    const Actor& by) {
  if (state_->store->is_this_thread()) return DecideFault::store;
  std::unique_lock lock(state_->mutex);
  while (true) {
    const auto found = state_->approvals.find(id);
    if (found == state_->approvals.end()) return DecideFault::unknown;
    if (found->second->approval().state != Approval::State::pending) return DecideFault::decided;
    if (found->second->busy) {
      // Another is deciding; whether it succeeds is known soon.
      state_->settled.wait(lock);
      continue;
    }
    auto all = state_->decide(lock, {found->second}, decision, by);
    if (!all) return all.error();
    return std::move(all->front());
  }
}

boost::system::result<std::vector<Approvals::Decided>, Approvals::DecideFault> Approvals::decide_group(
    const std::string& agent, const std::string& domain, const Decision& decision, const Actor& by,
    const std::optional<std::set<std::string>>& seen) {
  if (state_->store->is_this_thread()) return DecideFault::store;
  std::unique_lock lock(state_->mutex);
  while (true) {
    State::Records records;
    bool busy = false;
    for (const auto& [number, record] : state_->pending) {
      const Approval& approval = record->approval();
      if (approval.domain != domain || (!agent.empty() && approval.question.agent != agent)) continue;
      if (seen && seen->count(approval.id) == 0) continue;
      busy = busy || record->busy;
      records.push_back(record);
    }
    if (busy) {
      state_->settled.wait(lock);
      continue;
    }
    if (records.empty()) return DecideFault::unknown;
    return state_->decide(lock, records, decision, by);
  }
}

}  // namespace sallyport
