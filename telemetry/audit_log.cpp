#include "telemetry/audit_log.hpp"

#include "telemetry/journal.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace sallyport {
namespace {

using Clock = std::chrono::steady_clock;

// Small enough that its lines are still in the processor's cache when they are written.
constexpr std::size_t largest_group = 256;
// A DNS answer's record waits so long for company: waking the thread for each costs as much as the answer. Bytes that
// flow are on their way at once.
constexpr auto company = std::chrono::milliseconds(20);
constexpr auto retry_after = std::chrono::milliseconds(200);
constexpr auto rotation_retry = std::chrono::minutes(1);

bool is_open(const Event& event) {
  const auto* connection = std::get_if<ConnectionEvent>(&event);
  return connection != nullptr && connection->activity == ConnectionEvent::Activity::open;
}

bool waits_for_company(const Event& event) {
  return std::holds_alternative<DnsEvent>(event);
}

void stamp(WallClock::time_point& time) {
  if (time == WallClock::time_point()) time = WallClock::now();
}

void stamp(Event& event) {
  std::visit(
      [](auto& one) {
        if constexpr (requires { one.origin; }) {
          stamp(one.origin.time);
        } else {
          stamp(one.time);
        }
      },
      event);
}

}  // namespace

// The queue and its thread. `mutex_` guards what callers and thread share; the journal and the group in hand are the
// thread's alone.
class AuditLog::Writer {
 public:
  explicit Writer(AuditOptions options) : options_(std::move(options)) {}
  ~Writer() { stop(); }

  Outcome<void> start();
  bool append(Event event);
  bool healthy() const { return healthy_.load(); }
  AuditCounters counters() const;
  bool flush(std::chrono::milliseconds limit);
  void stop();
  const AuditOptions& options() const { return options_; }

 private:
  void run();
  void take();
  bool work(Clock::time_point now);
  bool write_group();
  bool tell_of_losses();
  bool sync_if_due(Clock::time_point now);
  bool tend(Clock::time_point now);
  void fail(Clock::time_point now);
  void work_again();
  void settle();
  void finish();
  Clock::time_point deadline() const;

  AuditOptions options_;
  std::unique_ptr<Journal> journal_;
  std::vector<Event> group_;
  std::optional<Clock::time_point> unsynced_since_, failing_since_;
  Clock::time_point next_checkpoint_, next_try_, next_rotation_;
  std::uint64_t told_lost_ = 0;
  bool flushing_ = false;

  mutable std::mutex mutex_;
  std::condition_variable wake_, settled_;
  // In groups as they will be written, all but the last one full. The memory of a written group serves the next.
  std::deque<std::vector<Event>> queue_;
  std::size_t queued_ = 0;
  std::vector<Event> spare_;
  bool hurried_ = false;  // something in the queue does not wait for company
  AuditCounters counters_;
  std::uint64_t taken_ = 0;    // records append() queued
  std::uint64_t on_disk_ = 0;  // of those, how many are synced
  std::uint64_t in_file_ = 0;  // and how many are written; the thread's alone
  std::uint64_t flush_to_ = 0;
  bool stopping_ = false;
  std::atomic<bool> healthy_{true};
  std::thread thread_;
};

Outcome<void> AuditLog::Writer::start() {
  auto journal = Journal::open(options_);
  if (!journal) return journal.error();
  journal_ = std::move(*journal);
  next_checkpoint_ = Clock::now() + options_.checkpoint_every;
  settle();
  thread_ = std::thread([this] { run(); });
  return {};
}

bool AuditLog::Writer::append(Event event) {
  stamp(event);
  const bool block = options_.on_failure == OnFailure::block;
  const bool refusable = block && is_open(event);
  const std::lock_guard lock(mutex_);
  // What an Open begins must have an end that fits.
  const std::size_t room = refusable ? options_.queue - options_.queue / 4 : options_.queue;
  const bool full = queued_ >= room;
  if (stopping_ || full || (refusable && !healthy_)) {
    if (refusable) {
      ++counters_.refused;
      return false;
    }
    ++counters_.dropped;
    return !block && !stopping_;
  }
  const bool hurried = !waits_for_company(event) || queued_ + 1 >= largest_group;
  if (queue_.empty() || queue_.back().size() >= largest_group) queue_.push_back(std::exchange(spare_, {}));
  queue_.back().push_back(std::move(event));
  ++queued_;
  ++taken_;
  if (queued_ == 1 || (hurried && !hurried_)) wake_.notify_one();
  hurried_ = hurried_ || hurried;
  return true;
}

AuditCounters AuditLog::Writer::counters() const {
  const std::lock_guard lock(mutex_);
  AuditCounters out = counters_;
  out.queued = queued_;
  return out;
}

bool AuditLog::Writer::flush(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  const std::uint64_t all = taken_;
  flush_to_ = std::max(flush_to_, all);
  wake_.notify_one();
  return settled_.wait_for(lock, limit, [&] { return on_disk_ >= all; }) && healthy_;
}

void AuditLog::Writer::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void AuditLog::Writer::run() {
  while (true) {
    take();
    const auto now = Clock::now();
    const bool idle = failing_since_ && now < next_try_;
    if (!idle && !work(now)) fail(now);
    settle();
    const std::lock_guard lock(mutex_);
    if (stopping_ && (failing_since_ || (group_.empty() && queue_.empty()))) break;
  }
  finish();
}

// Waits for something to do, and takes a group unless one is still in hand.
void AuditLog::Writer::take() {
  std::unique_lock lock(mutex_);
  wake_.wait_until(lock, deadline(), [&] {
    if (stopping_) return true;
    return !failing_since_ && ((group_.empty() && !queue_.empty()) || flush_to_ > on_disk_);
  });
  const auto at_once = [&] { return hurried_ || stopping_ || flush_to_ > on_disk_; };
  if (group_.empty() && !queue_.empty()) wake_.wait_for(lock, company, at_once);
  flushing_ = stopping_ || flush_to_ > on_disk_;
  if (!group_.empty()) return;
  if (!queue_.empty()) {
    spare_ = std::exchange(group_, std::move(queue_.front()));
    queue_.pop_front();
    queued_ -= group_.size();
  }
  hurried_ = !queue_.empty();
}

Clock::time_point AuditLog::Writer::deadline() const {
  if (failing_since_) return next_try_;
  auto until = Clock::now() + std::chrono::hours(1);
  if (unsynced_since_) until = std::min(until, *unsynced_since_ + options_.sync_within);
  if (journal_->wants_checkpoint()) until = std::min(until, next_checkpoint_);
  return until;
}

bool AuditLog::Writer::work(Clock::time_point now) {
  if (failing_since_ && !journal_->recover()) return false;
  if (!tell_of_losses() || !write_group()) return false;
  if (failing_since_) flushing_ = true;
  return sync_if_due(now) && tend(now);
}

bool AuditLog::Writer::write_group() {
  if (group_.empty()) return true;
  if (!journal_->write(group_)) return false;
  in_file_ += group_.size();
  group_.clear();
  if (!unsynced_since_) unsynced_since_ = Clock::now();
  return true;
}

// After an outage, or where the queue was full: a record that says so, before anything else.
bool AuditLog::Writer::tell_of_losses() {
  std::uint64_t lost = 0;
  {
    const std::lock_guard lock(mutex_);
    lost = counters_.dropped - told_lost_;
  }
  if (lost == 0 && !failing_since_) return true;
  LifecycleEvent gap;
  gap.kind = LifecycleEvent::Kind::log_gap;
  gap.time = WallClock::now();
  gap.lost = lost;
  gap.detail = "Records came faster than they could be written.";
  if (failing_since_) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - *failing_since_).count();
    gap.detail = "The log could not be written, or was removed or replaced, for " + std::to_string(seconds) + " s.";
  }
  const Event event = gap;
  if (!journal_->write({&event, 1})) return false;
  told_lost_ += lost;
  if (!unsynced_since_) unsynced_since_ = Clock::now();
  return true;
}

bool AuditLog::Writer::sync_if_due(Clock::time_point now) {
  const bool due = unsynced_since_ && now >= *unsynced_since_ + options_.sync_within;
  if (!due && !flushing_) return true;
  if (!journal_->sync()) return false;
  unsynced_since_.reset();
  work_again();
  return true;
}

void AuditLog::Writer::work_again() {
  const bool failed = failing_since_.has_value();
  failing_since_.reset();
  healthy_ = true;
  if (failed && options_.on_trouble) options_.on_trouble({});
}

// Checkpoints and rotation. A rotation that fails leaves a larger file and is tried again later: the log is still held.
bool AuditLog::Writer::tend(Clock::time_point now) {
  if (journal_->wants_checkpoint() && now >= next_checkpoint_) {
    next_checkpoint_ = now + options_.checkpoint_every;
    if (!journal_->checkpoint() || !journal_->sync() || !journal_->retire()) return false;
  }
  if (!journal_->wants_rotation() || now < next_rotation_) return true;
  if (journal_->rotate()) return true;
  next_rotation_ = now + rotation_retry;
  const std::lock_guard lock(mutex_);
  ++counters_.errors;
  return true;
}

void AuditLog::Writer::fail(Clock::time_point now) {
  const bool first = !failing_since_;
  if (first) failing_since_ = now;
  next_try_ = now + retry_after;
  healthy_ = false;
  {
    const std::lock_guard lock(mutex_);
    ++counters_.errors;
  }
  if (first && options_.on_trouble) options_.on_trouble(journal_->trouble());
}

// Publishes what the thread has done.
void AuditLog::Writer::settle() {
  const std::lock_guard lock(mutex_);
  counters_.written = journal_->lines();
  counters_.bytes = journal_->bytes();
  counters_.sequence = journal_->head().sequence;
  if (!unsynced_since_ && !failing_since_) on_disk_ = in_file_;
  settled_.notify_all();
}

void AuditLog::Writer::finish() {
  {
    const std::lock_guard lock(mutex_);
    counters_.dropped += group_.size() + queued_;
  }
  if (!failing_since_ && (!journal_->checkpoint() || !journal_->sync())) fail(Clock::now());
  settle();
}

AuditLog::AuditLog(std::unique_ptr<Writer> writer) : writer_(std::move(writer)) {}
AuditLog::~AuditLog() = default;

Outcome<std::unique_ptr<AuditLog>> AuditLog::open(AuditOptions options) {
  auto writer = std::make_unique<Writer>(std::move(options));
  const auto started = writer->start();
  if (!started) return started.error();
  return std::unique_ptr<AuditLog>(new AuditLog(std::move(writer)));
}

bool AuditLog::append(Event event) {
  return writer_->append(std::move(event));
}
bool AuditLog::healthy() const {
  return writer_->healthy();
}
AuditCounters AuditLog::counters() const {
  return writer_->counters();
}
bool AuditLog::flush(std::chrono::milliseconds limit) {
  return writer_->flush(limit);
}
void AuditLog::stop() {
  writer_->stop();
}
const AuditOptions& AuditLog::options() const {
  return writer_->options();
}

}  // namespace sallyport
