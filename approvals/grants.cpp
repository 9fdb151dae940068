// Answers in force: found, used, and ended.
#include "approvals/state.hpp"

#include <algorithm>

namespace sallyport {
Answer Approvals::State::answer_of(const GrantRecord& record) const {
  const Grant& grant = record.grant();
  Answer answer;
  answer.approved = grant.decision.approve;
  answer.approval = grant.approval;
  answer.grant = grant.id;
  answer.by = grant.by.name;
  answer.through = grant.by.through;
  answer.note = grant.decision.note;
  answer.expires = grant.expires;
  answer.bounded = grant.decision.approve && record.is_bounded();
  return answer;
}

// What is counted here is in force at once, so that nobody else gets it; whoever asked waits for the disk.
Answer Approvals::State::take_use(GrantRecord& record) {
  Grant& grant = record.grant();
  Answer answer = answer_of(record);
  ++grant.used;
  if (grant.uses_left) --*grant.uses_left;
  if (grant.upload_left) {
    answer.upload = grant.upload_left;
    grant.upload_left = 0;
    ++record.reservations;
  }
  return answer;
}

void Approvals::State::put_back(GrantRecord& record, const std::optional<std::uint64_t>& upload) {
  Grant& grant = record.grant();
  if (grant.used > 0) --grant.used;
  if (grant.uses_left) ++*grant.uses_left;
  if (grant.upload_left && upload) {
    *grant.upload_left += *upload;
    --record.reservations;
  }
  changed(record, StoreThread::Urgency::now);
}

void Approvals::State::put_in_force(const std::shared_ptr<GrantRecord>& record) {
  const Grant& grant = record->grant();
  grants.emplace(grant.id, record);
  grants_by_age.emplace(record->row.sequence, record);
  record->lapsed = grant.end == Grant::End::revoked || grant.end == Grant::End::expired;
  if (!record->lapsed) grants_by_expiry.emplace(grant.expires, record);
  if (grant.end == Grant::End::none) index.add(*record);
}

void Approvals::State::end(GrantRecord& record, Grant::End how, WallClock::time_point at, const Actor& by) {
  Grant& grant = record.grant();
  if (grant.end == Grant::End::none) index.remove(record);
  grant.end = how;
  grant.ended = at;
  grant.ended_by = by;
  if (how != Grant::End::used_up) lapse(record);
  close(record);
  changed(record, StoreThread::Urgency::now);
  tell(Ended{grant});
}

void Approvals::State::end_if_used_up(GrantRecord& record) {
  const Grant& grant = record.grant();
  const bool no_uses = grant.uses_left == 0U;
  const bool no_upload = grant.upload_left == 0U && record.reservations == 0;
  if (grant.end != Grant::End::none || (!no_uses && !no_upload)) return;
  end(record, Grant::End::used_up, now(), itself());
  log_end(grant);
}

// Nothing may live on it any more.
void Approvals::State::lapse(GrantRecord& record) {
  if (record.lapsed) return;
  record.lapsed = true;
  const auto [first, last] = grants_by_expiry.equal_range(record.grant().expires);
  const auto found = std::find_if(first, last, [&](const auto& one) { return one.second.get() == &record; });
  if (found != last) grants_by_expiry.erase(found);
}

// It offers nothing any more: what it answered is history now.
void Approvals::State::close(GrantRecord& record) {
  if (record.closed) return;
  record.closed = true;
  closed.insert(closed.end(), record.approvals.begin(), record.approvals.end());
}

// History is in the audit log; here stands the latest of it.
void Approvals::State::trim() {
  while (closed.size() > history) {
    const std::string id = std::move(closed.front());
    closed.pop_front();
    const auto found = approvals.find(id);
    if (found == approvals.end()) continue;
    const std::shared_ptr<ApprovalRecord> record = found->second;
    decided.erase(DecidedAt(record->approval().decided, record->row.sequence));
    const auto grant = grants.find(record->approval().grant);
    if (grant != grants.end() && grant->second->grant().approval == id) {
      const std::shared_ptr<GrantRecord> old = grant->second;
      if (!old->lapsed) {
        // What still lives on it would be out of reach.
        Grant gone = old->grant();
        gone.end = Grant::End::expired;
        tell(Ended{std::move(gone)});
        lapse(*old);
      }
      grants_by_age.erase(old->row.sequence);
      grants.erase(grant);
    }
    approvals.erase(found);
    erased.push_back(id);
    if (store) store->wake(StoreThread::Urgency::soon);
  }
}

std::optional<Answer> Approvals::find(const Question& question) const {
  std::optional<Answer> answer;
  {
    const std::lock_guard lock(state_->mutex);
    GrantRecord* grant = state_->index.find(question, state_->now());
    if (grant == nullptr) return std::nullopt;
    answer = state_->answer_of(*grant);
    if (answer->approved || !grant->grant().uses_left) return answer;
    // A denial that is counted: who is told of it has used it.
    state_->take_use(*grant);
    state_->end_if_used_up(*grant);
    state_->changed(*grant, StoreThread::Urgency::now);
  }
  state_->publish();
  return answer;
}

bool Approvals::opens(const std::string& agent, const HostName& name) const {
  const std::lock_guard lock(state_->mutex);
  return state_->index.opens(agent, name, state_->now());
}

void Approvals::spend(const std::string& id, std::function<void(std::optional<Answer>)> done) {
  std::optional<Answer> taken;
  std::shared_ptr<GrantRecord> record;
  {
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->grants.find(id);
    if (found != state_->grants.end() && found->second->offers(state_->now()) &&
        found->second->grant().decision.approve) {
      record = found->second;
      taken = state_->take_use(*record);
      state_->changed_grants.insert(id);
    }
  }
  State* const state = state_.get();
  state->store->submit({}, [state, record, taken, done = std::move(done)](bool written) {
    std::optional<Answer> answer;
    if (record) {
      const std::lock_guard lock(state->mutex);
      if (!written) {
        state->put_back(*record, taken->upload);
      } else if (!record->lapsed && !record->is_due(state->now())) {
        answer = taken;
        state->end_if_used_up(*record);
      }
    }
    done(std::move(answer));
    state->publish();
  });
}

void Approvals::count_use(const std::string& id) {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->grants.find(id);
  if (found == state_->grants.end()) return;
  ++found->second->grant().used;
  state_->changed(*found->second, StoreThread::Urgency::soon);
}

void Approvals::give_back(const std::string& id, std::uint64_t unused_upload) {
  {
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->grants.find(id);
    if (found == state_->grants.end() || found->second->reservations == 0) return;
    GrantRecord& record = *found->second;
    Grant& grant = record.grant();
    --record.reservations;
    if (!grant.upload_left || !grant.decision.upload) return;
    *grant.upload_left += std::min(unused_upload, *grant.decision.upload - *grant.upload_left);
    state_->end_if_used_up(record);
    state_->changed(record, StoreThread::Urgency::now);
  }
  state_->publish();
}

bool Approvals::lives(const std::string& id) const {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->grants.find(id);
  return found != state_->grants.end() && !found->second->lapsed && !found->second->is_due(state_->now());
}

boost::system::result<Grant, Approvals::DecideFault> Approvals::revoke(const std::string& id, const Actor& by) {
  if (state_->store->is_this_thread()) return DecideFault::store;
  std::unique_lock lock(state_->mutex);
  std::shared_ptr<GrantRecord> record;
  while (true) {
    const auto found = state_->grants.find(id);
    if (found == state_->grants.end()) return DecideFault::unknown;
    record = found->second;
    if (record->lapsed || record->is_due(state_->now())) return DecideFault::decided;
    if (!record->busy) break;
    state_->settled.wait(lock);
  }
  record->busy = true;
  Grant ended = record->grant();
  ended.end = Grant::End::revoked;
  ended.ended = state_->now();
  ended.ended_by = by;
  const auto asked = state_->approvals.find(ended.approval);
  const std::string correlation =
      asked == state_->approvals.end() ? std::string() : asked->second->approval().first.correlation;
  lock.unlock();

  bool finished = false;
  bool written = false;
  const auto settle = [&, state = state_.get()](bool good) {
    const std::lock_guard settled(state->mutex);
    written = good;
    if (good && !record->lapsed) state->end(*record, Grant::End::revoked, ended.ended, by);
    if (good) state->trim();
    ended = good ? record->grant() : ended;
    record->busy = false;
    finished = true;
    state->settled.notify_all();
  };
  const bool logged = state_->log_works() && state_->log_revocation(ended, correlation, true);
  if (logged) {
    Changes changes;
    changes.ends.push_back(ended);
    state_->store->submit(std::move(changes), settle);
  } else {
    settle(false);
  }
  lock.lock();
  state_->settled.wait(lock, [&] { return finished; });
  lock.unlock();
  if (!written) {
    if (logged) (void)state_->log_revocation(ended, correlation, false);
    return DecideFault::store;
  }
  state_->publish();
  return ended;
}

}  // namespace sallyport
