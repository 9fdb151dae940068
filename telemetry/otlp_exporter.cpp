#include "telemetry/otlp_exporter.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <random>
#include <thread>

namespace sallyport {
namespace {

using Clock = std::chrono::steady_clock;

// The only failures that OTLP has tried again.
bool is_passing(unsigned status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

bool is_success(unsigned status) {
  return status >= 200 && status < 300;
}

}  // namespace

class OtlpExporter::Impl {
 public:
  Impl(std::unique_ptr<OtlpTransport> transport, OtlpOptions options)
      : options_(std::move(options)), transport_(std::move(transport)), started_(WallClock::now()) {
    next_metrics_ = Clock::now() + options_.metrics_every;
    thread_ = std::thread([this] { run(); });
  }
  ~Impl() { stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void line(std::uint64_t sequence, std::string_view text);
  void synced(std::uint64_t sequence);
  OtlpCounters counters() const;
  void stop();

 private:
  struct Waiting {
    std::uint64_t sequence;
    Clock::time_point since;
    ObservedLine line;
  };

  void run();
  void wait_for_work();
  bool is_due(Clock::time_point now) const;
  std::vector<ObservedLine> take();
  void deliver(const std::vector<ObservedLine>& batch);
  void settled(std::size_t size, const OtlpReply& reply);
  bool pause(Clock::duration length);
  Clock::duration pause_after(unsigned tries) const;
  void send_metrics();
  void failed(const std::string& why);
  void succeeded();
  void say(const std::string& sentence) const {
    if (options_.warn) options_.warn(options_.name + ": " + sentence);
  }

  const OtlpOptions options_;
  const std::unique_ptr<OtlpTransport> transport_;
  const WallClock::time_point started_;
  Clock::time_point next_metrics_;
  bool failing_ = false;  // the thread's alone, as is what follows
  std::uint64_t told_dropped_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable wake_, ended_;
  std::deque<Waiting> queue_;
  std::size_t queued_bytes_ = 0;
  std::uint64_t synced_ = 0;
  OtlpCounters counters_;
  bool stopping_ = false, over_ = false, idle_ = false;
  std::thread thread_;
};

void OtlpExporter::Impl::line(std::uint64_t sequence, std::string_view text) {
  Waiting one{sequence, Clock::now(), {std::string(text), WallClock::now()}};
  const std::lock_guard lock(mutex_);
  if (over_) {
    ++counters_.dropped;
    return;
  }
  queued_bytes_ += text.size();
  queue_.push_back(std::move(one));
  while (queue_.size() > options_.waiting || queued_bytes_ > options_.waiting_bytes) {
    queued_bytes_ -= queue_.front().line.text.size();
    queue_.pop_front();
    ++counters_.dropped;
  }
}

// Wakes the thread when it has nothing to wait for, or a batch is full; for what is between, it wakes itself.
void OtlpExporter::Impl::synced(std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  synced_ = sequence;
  if (idle_ || queue_.size() >= options_.batch) wake_.notify_one();
}

OtlpCounters OtlpExporter::Impl::counters() const {
  const std::lock_guard lock(mutex_);
  OtlpCounters out = counters_;
  out.waiting = queue_.size();
  return out;
}

void OtlpExporter::Impl::stop() {
  {
    std::unique_lock lock(mutex_);
    if (!thread_.joinable()) return;
    stopping_ = true;
    wake_.notify_one();
    ended_.wait_for(lock, options_.goodbye, [this] { return over_; });
  }
  transport_->interrupt();
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
    wake_.notify_one();
  }
  thread_.join();
}

void OtlpExporter::Impl::run() {
  while (true) {
    wait_for_work();
    const auto batch = take();
    if (!batch.empty()) deliver(batch);
    if (options_.metrics && Clock::now() >= next_metrics_) send_metrics();
    const std::lock_guard lock(mutex_);
    const bool nothing = queue_.empty() || queue_.front().sequence > synced_;
    if (over_ || (stopping_ && nothing)) break;
  }
  if (options_.metrics) send_metrics();
  const std::lock_guard lock(mutex_);
  counters_.dropped += queue_.size();
  queue_.clear();
  over_ = true;
  ended_.notify_all();
}

bool OtlpExporter::Impl::is_due(Clock::time_point now) const {
  if (queue_.empty() || queue_.front().sequence > synced_) return false;
  return queue_.size() >= options_.batch || now >= queue_.front().since + options_.linger;
}

void OtlpExporter::Impl::wait_for_work() {
  std::unique_lock lock(mutex_);
  while (!stopping_ && !over_) {
    const auto now = Clock::now();
    if (is_due(now) || (options_.metrics && now >= next_metrics_)) return;
    auto until = now + std::chrono::hours(1);
    if (options_.metrics) until = next_metrics_;
    // Written but not yet synced: synced() wakes us.
    idle_ = queue_.empty() || queue_.front().sequence > synced_;
    if (!idle_) until = std::min(until, queue_.front().since + options_.linger);
    wake_.wait_until(lock, until);
    idle_ = false;
  }
}

std::vector<ObservedLine> OtlpExporter::Impl::take() {
  std::vector<ObservedLine> batch;
  std::size_t bytes = 0;
  const std::lock_guard lock(mutex_);
  while (!queue_.empty() && queue_.front().sequence <= synced_ && batch.size() < options_.batch) {
    const std::size_t size = queue_.front().line.text.size();
    if (!batch.empty() && bytes + size > options_.batch_bytes) break;
    bytes += size;
    queued_bytes_ -= size;
    batch.push_back(std::move(queue_.front().line));
    queue_.pop_front();
  }
  return batch;
}

void OtlpExporter::Impl::deliver(const std::vector<ObservedLine>& batch) {
  const std::string body = otlp_logs(options_.resource, batch);
  for (unsigned tries = 1;; ++tries) {
    const auto reply = transport_->post("/v1/logs", body);
    if (reply && !is_passing(reply->status)) return settled(batch.size(), *reply);
    failed(reply ? "it said HTTP " + std::to_string(reply->status) : reply.error().text);
    Clock::duration length = pause_after(tries);
    if (reply) length = std::max<Clock::duration>(length, reply->retry_after);
    if (pause(length)) continue;
    const std::lock_guard lock(mutex_);
    counters_.dropped += batch.size();
    return;
  }
}

void OtlpExporter::Impl::settled(std::size_t size, const OtlpReply& reply) {
  OtlpPartial partial{size, "it said HTTP " + std::to_string(reply.status)};
  if (is_success(reply.status)) partial = partial_of(reply.body);
  partial.rejected = std::min<std::uint64_t>(partial.rejected, size);
  std::uint64_t rejected_before = 0;
  {
    const std::lock_guard lock(mutex_);
    rejected_before = counters_.rejected;
    counters_.rejected += partial.rejected;
    counters_.sent += size - partial.rejected;
  }
  if (partial.rejected != 0 && rejected_before == 0)
    say("the collector did not take " + std::to_string(partial.rejected) + " records: " + partial.message +
        "; they are in the audit log, and such records are counted from now on");
  if (is_success(reply.status)) succeeded();
}

// False: it is to end, so nothing more is tried.
bool OtlpExporter::Impl::pause(Clock::duration length) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, length, [this] { return stopping_ || over_; });
}

Clock::duration OtlpExporter::Impl::pause_after(unsigned tries) const {
  const Clock::duration whole =
      std::min<Clock::duration>(options_.first_pause * (1U << std::min(tries - 1, 20U)), options_.longest_pause);
  thread_local std::minstd_rand random{std::random_device{}()};
  const auto half = whole.count() / 2;
  return Clock::duration(half + std::uniform_int_distribution<Clock::rep>(0, half)(random));
}

// Cumulative, so one that is lost is made good by the next.
void OtlpExporter::Impl::send_metrics() {
  next_metrics_ = Clock::now() + options_.metrics_every;
  const auto measures = options_.metrics();
  if (measures.empty()) return;
  const std::string body = otlp_metrics(options_.resource, measures, started_, WallClock::now());
  static_cast<void>(transport_->post("/v1/metrics", body));
}

// Once for each time that it begins and ends to fail, however many records that are.
void OtlpExporter::Impl::failed(const std::string& why) {
  if (!failing_) say(why + "; it is tried again, and the audit log has everything");
  failing_ = true;
}

void OtlpExporter::Impl::succeeded() {
  const std::uint64_t dropped = counters().dropped;
  if (dropped != told_dropped_)
    say(std::to_string(dropped - told_dropped_) + " records were dropped, the oldest first: it was gone or too slow");
  told_dropped_ = dropped;
  if (failing_) say("it takes records again");
  failing_ = false;
}

std::vector<Measure> measures_of(const OtlpCounters& counters) {
  const auto measure = [](const char* name, const char* help, std::uint64_t value, Measure::Kind kind) {
    return Measure{name, help, "{record}", kind, {}, static_cast<double>(value)};
  };
  using Kind = Measure::Kind;
  return {
      measure("sallyport_otlp_sent_total", "Records the collector took.", counters.sent, Kind::counter),
      measure("sallyport_otlp_dropped_total", "Records it was too slow or gone for.", counters.dropped, Kind::counter),
      measure("sallyport_otlp_rejected_total", "Records it would not take.", counters.rejected, Kind::counter),
      measure("sallyport_otlp_queue_length", "Records that wait to be sent.", counters.waiting, Kind::gauge)};
}

OtlpExporter::OtlpExporter(std::unique_ptr<OtlpTransport> transport, OtlpOptions options)
    : impl_(std::make_unique<Impl>(std::move(transport), std::move(options))) {}
OtlpExporter::~OtlpExporter() = default;

void OtlpExporter::line(std::uint64_t sequence, std::string_view line) {
  impl_->line(sequence, line);
}
void OtlpExporter::synced(std::uint64_t sequence) {
  impl_->synced(sequence);
}
OtlpCounters OtlpExporter::counters() const {
  return impl_->counters();
}
void OtlpExporter::stop() {
  impl_->stop();
}

}  // namespace sallyport
