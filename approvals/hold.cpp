// Those who ask, and those who wait.
#include "approvals/state.hpp"
#include "policy/public_suffix.hpp"

#include <algorithm>

namespace sallyport {
namespace {

// The words of an agent are shown and stored, so they have an end.
constexpr std::size_t longest_text = 2048;

void clip(std::string& text) {
  if (text.size() > longest_text) text.resize(longest_text);
}

void clip(Circumstances& circumstances) {
  for (std::string* text : {&circumstances.rule, &circumstances.reason, &circumstances.protocol,
                            &circumstances.request_path, &circumstances.access_reason}) {
    clip(*text);
  }
  if (circumstances.process) {
    for (std::string* text :
         {&circumstances.process->name, &circumstances.process->cmd_line, &circumstances.process->path}) {
      clip(*text);
    }
    for (ProcessParent& parent : circumstances.process->parents) clip(parent.name);
  }
  if (circumstances.context) {
    AgentContext& context = *circumstances.context;
    for (std::string* text :
         {&context.session, &context.tool_call, &context.tool, &context.reason, &context.traceparent}) {
      clip(*text);
    }
  }
}

// Whoever asks ahead says why, also where a connection asked first and could not.
void explain(Circumstances& first, Circumstances&& later) {
  clip(later);
  if (first.access_reason.empty()) first.access_reason = std::move(later.access_reason);
  if (!first.context) first.context = std::move(later.context);
}

std::string domain_of(const Host& host) {
  return host.name() != nullptr ? registrable_domain(*host.name()) : host.address()->text();
}

}  // namespace

// The last places are shared: where they grow scarce an agent has its part of them, and room is left for one more.
std::optional<Approvals::Fault> Approvals::State::flood(const std::string& agent) const {
  const auto found = agents.find(agent);
  const std::uint64_t own = found == agents.end() ? 0 : found->second.pending;
  if (own >= limits.pending_per_agent) return Fault::pending_per_agent;
  if (pending.size() >= limits.max_pending) return Fault::max_pending;
  if (pending.size() * 2 <= limits.max_pending) return std::nullopt;
  const std::uint64_t share = std::max<std::uint64_t>(1, limits.max_pending / (agents_with_pending + 1));
  return own >= share ? std::optional(Fault::pending_per_agent) : std::nullopt;
}

Approvals::State::Joined Approvals::State::join(const Question& question, Circumstances&& circumstances,
                                                WallClock::time_point at) {
  std::string key = question.key();
  if (const auto found = by_key.find(key); found != by_key.end()) {
    Approval& approval = found->second->approval();
    ++approval.tries;
    approval.last_seen = std::max(approval.last_seen, at);
    explain(approval.first, std::move(circumstances));
    changed(*found->second, StoreThread::Urgency::soon);
    return found->second;
  }
  if (!store->healthy()) return Fault::store;
  if (const auto fault = flood(question.agent)) return *fault;
  clip(circumstances);
  Approval approval{.id = new_id("ap_"),
                    .question = question,
                    .first = std::move(circumstances),
                    .domain = domain_of(question.to.host),
                    .state = Approval::State::pending,
                    .first_seen = at,
                    .last_seen = at,
                    .tries = 1,
                    .waiting = 0,
                    .decision = {},
                    .by = {},
                    .decided = {},
                    .grant = {}};
  auto record = std::make_shared<ApprovalRecord>(ApprovalRow{std::move(approval), ++sequence}, std::move(key));
  approvals.emplace(record->approval().id, record);
  by_key.emplace(record->key, record);
  pending.emplace(record->row.sequence, record);
  count_pending(question.agent, 1);
  changed(*record, StoreThread::Urgency::now);
  return record;
}

void Approvals::State::enqueue(const std::shared_ptr<ApprovalRecord>& record, const std::shared_ptr<Waiter>& waiter) {
  waiter->queue = record;
  waiter->place = record->waiters.insert(record->waiters.end(), waiter);
  ++record->approval().waiting;
  count_held(record->approval().question.agent, 1);
}

void Approvals::State::dequeue(Waiter& waiter) {
  const std::shared_ptr<ApprovalRecord> record = std::move(waiter.queue);
  waiter.queue.reset();
  --record->approval().waiting;
  count_held(record->approval().question.agent, -1);
  record->waiters.erase(waiter.place);  // may be the last owner of the waiter
}

void Approvals::State::leave(Waiter& waiter) {
  {
    const std::lock_guard lock(mutex);
    if (!waiter.queue) return;
    const std::shared_ptr<ApprovalRecord> record = waiter.queue;
    dequeue(waiter);
    if (record->approval().state != Approval::State::pending) return;
    if (has_listeners()) tell(Waiting{record->approval().id, record->approval().waiting});
  }
  publish();
}

// It is pending no more. Whoever still waits has been taken out before.
void Approvals::State::close(ApprovalRecord& record, Approval::State how, WallClock::time_point at) {
  Approval& approval = record.approval();
  const std::shared_ptr<ApprovalRecord> self = approvals.at(approval.id);
  approval.state = how;
  approval.decided = at;
  by_key.erase(record.key);
  pending.erase(record.row.sequence);
  count_pending(approval.question.agent, -1);
  decided.emplace(DecidedAt(at, record.row.sequence), self);
}

boost::system::result<Approvals::Ticket, Approvals::Fault> Approvals::hold(
    const Question& question, Circumstances circumstances, std::function<void(std::optional<Answer>)> answered) {
  auto place = std::make_shared<Ticket::Place>(state_, std::move(answered));
  Ticket ticket;
  {
    const std::lock_guard lock(state_->mutex);
    const auto at = state_->now();
    if (const GrantRecord* grant = state_->index.find(question, at)) {
      // Answered since the caller looked. A counted answer that the disk does not let it have would be asked for ever.
      if (grant->is_bounded() && !state_->store->healthy()) return Fault::store;
      ticket.approval_ = grant->grant().approval;
      ticket.place_ = place;
      state_->store->submit({}, [place](bool) { place->tell(std::nullopt); });
      return ticket;
    }
    const auto load = state_->agents.find(question.agent);
    if (load != state_->agents.end() && load->second.held >= state_->limits.held_per_agent) {
      return Fault::held_per_agent;
    }
    const std::uint64_t before = state_->sequence;
    auto joined = state_->join(question, std::move(circumstances), at);
    if (!joined) return joined.error();
    state_->enqueue(*joined, place);
    const Approval& approval = (*joined)->approval();
    ticket.approval_ = approval.id;
    ticket.place_ = std::move(place);
    if (state_->has_listeners()) {
      if (state_->sequence != before) {
        state_->tell(Asked{approval});
      } else {
        state_->tell(Waiting{approval.id, approval.waiting});
      }
    }
  }
  state_->publish();
  return ticket;
}

boost::system::result<std::string, Approvals::Fault> Approvals::ask(const Question& question,
                                                                    Circumstances circumstances) {
  std::string id;
  {
    const std::lock_guard lock(state_->mutex);
    const auto at = state_->now();
    if (const GrantRecord* grant = state_->index.find(question, at)) return grant->grant().approval;
    const std::uint64_t before = state_->sequence;
    auto joined = state_->join(question, std::move(circumstances), at);
    if (!joined) return joined.error();
    id = (*joined)->approval().id;
    if (state_->sequence != before && state_->has_listeners()) state_->tell(Asked{(*joined)->approval()});
  }
  state_->publish();
  return id;
}

Approvals::Ticket::Ticket(Ticket&& other) noexcept
    : approval_(std::move(other.approval_)), place_(std::move(other.place_)) {}

Approvals::Ticket& Approvals::Ticket::operator=(Ticket&& other) noexcept {
  if (this != &other) {
    const Ticket old(std::move(*this));
    approval_ = std::move(other.approval_);
    place_ = std::move(other.place_);
  }
  return *this;
}

Approvals::Ticket::~Ticket() {
  if (!place_) return;
  place_->leave();
  if (const auto state = place_->state.lock()) state->leave(*place_);
}

}  // namespace sallyport
