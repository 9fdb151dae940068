#include "telemetry/journal.hpp"

#include "telemetry/log_line.hpp"
#include "telemetry/ocsf.hpp"
#include "telemetry/retention.hpp"
#include "telemetry/verify.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace sallyport {
namespace {

LifecycleEvent note(LifecycleEvent::Kind kind, std::string detail) {
  LifecycleEvent event;
  event.time = WallClock::now();
  event.kind = kind;
  event.detail = std::move(detail);
  return event;
}

}  // namespace

Outcome<std::unique_ptr<Journal>> Journal::open(const AuditOptions& options) {
  std::unique_ptr<Journal> journal(new Journal(options));
  if (!options.key_path.empty()) {
    auto key = SigningKey::open(options.key_path);
    if (!key) return key.error();
    journal->key_ = std::move(*key);
  }
  // A file that may not outgrow the total could never be retired.
  journal->rotate_bytes_ = std::min(options.rotate_bytes, options.max_total_bytes / 2);
  auto sink = LogSink::open(options.path);
  if (!sink) return sink.error();
  journal->sink_ = std::move(*sink);
  const auto resumed = journal->resume(log_files(options.path));
  if (!resumed) return resumed.error();
  return journal;
}

Outcome<void> Journal::resume(const std::vector<std::string>& files) {
  const Complaint full{"can't write the audit log " + options_.path + "; make room, or name another path"};
  const auto tail = read_tail(files);
  if (!tail) return tail.error();
  if (tail->torn && !sink_->write("\n")) return full;
  head_ = tail->head;
  first_sequence_ = first_sequence_of(options_.path);
  const std::vector<Event> ends = ends_of_last_run(files, !tail->told);
  constexpr std::size_t group = 1024;
  for (std::size_t at = 0; at < ends.size(); at += group) {
    if (!write(std::span(ends).subspan(at, std::min(group, ends.size() - at)))) return full;
  }
  if (!sync()) return full;
  retire();
  return {};
}

std::vector<Event> Journal::ends_of_last_run(const std::vector<std::string>& files, bool torn) const {
  std::vector<Event> events;
  if (torn) {
    events.emplace_back(note(LifecycleEvent::Kind::log_torn,
                             "The line before, sequence " + std::to_string(head_.sequence) + ", was torn by a crash."));
  }
  Unfinished unfinished = find_unfinished(files);
  for (ConnectionEvent& end : unfinished.ends) {
    end.origin.time = WallClock::now();
    events.emplace_back(std::move(end));
  }
  if (unfinished.beyond != 0) {
    LifecycleEvent gap = note(LifecycleEvent::Kind::log_gap, "Connections that a crash ended and that have no end.");
    gap.lost = unfinished.beyond;
    events.emplace_back(std::move(gap));
  }
  return events;
}

bool Journal::write(std::span<const Event> events) {
  constexpr std::size_t kept = 2U << 20;
  if (group_.capacity() > kept) group_ = {};
  group_.clear();
  ends_.clear();
  Head head = head_;
  for (const Event& event : events) {
    const std::size_t start = group_.size();
    encode(event, ++head.sequence, head.sha256, group_);
    sha256_hex(std::string_view(group_).substr(start), head.sha256);
    group_ += '\n';
    ends_.push_back(group_.size());
  }
  if (!sink_->write(group_)) return false;
  if (first_sequence_ == 0) first_sequence_ = head_.sequence + 1;
  std::size_t start = 0;
  for (std::size_t i = 0; i < ends_.size(); ++i) {
    const std::string_view line = std::string_view(group_).substr(start, ends_[i] - start - 1);
    if (options_.on_line) options_.on_line(events[i], head_.sequence + i + 1, line);
    start = ends_[i];
  }
  head_ = head;
  bytes_ += group_.size();
  lines_ += events.size();
  return true;
}

bool Journal::sync() {
  if (!sink_->in_place() || !sink_->sync()) return false;
  if (options_.on_synced) options_.on_synced(head_.sequence);
  return true;
}

bool Journal::checkpoint() {
  if (!wants_checkpoint()) return true;
  const std::string line = encode(key_->sign(head_), WallClock::now(), head_.sequence + 1, head_.sha256);
  if (!sink_->write(line + "\n")) return false;
  head_ = {head_.sequence + 1, sha256_hex(line)};
  signed_sequence_ = head_.sequence;
  bytes_ += line.size() + 1;
  ++lines_;
  if (options_.on_line) {
    LifecycleEvent event = note(LifecycleEvent::Kind::checkpoint, {});
    options_.on_line(event, head_.sequence, line);
  }
  return true;
}

bool Journal::rotate() {
  if (!checkpoint() || !sync()) return false;
  if (!sink_->rotate(rotated_path(options_.path, first_sequence_))) return false;
  first_sequence_ = 0;
  return retire();
}

bool Journal::retire() {
  const auto leaving = files_to_retire(options_.path, {options_.keep, options_.max_total_bytes});
  if (leaving.empty()) return true;
  const std::vector<std::string> files = log_files(options_.path);
  const std::uint64_t next = files.size() > leaving.size() ? first_sequence_of(files[leaving.size()]) : 0;
  const std::uint64_t begins = next != 0 ? next : head_.sequence + 1;
  // Where removing fails it is tried again, but told once.
  if (begins != told_begins_) {
    std::string names;
    for (const std::string& file : leaving) {
      names += (names.empty() ? "" : ", ") + std::filesystem::path(file).filename().string();
    }
    auto event = note(LifecycleEvent::Kind::log_retired, "Older than `keep` or beyond `max_total`: " + names);
    event.begins = begins;
    const Event record = event;
    if (!write({&record, 1}) || !checkpoint() || !sync()) return false;
    told_begins_ = begins;
  }
  std::error_code error;
  for (const std::string& file : leaving) {
    if (!std::filesystem::remove(file, error)) break;
  }
  return true;
}

bool Journal::recover() {
  if (!sink_->in_place()) {
    auto sink = LogSink::open(options_.path);
    if (!sink) return false;
    // What someone put in its place stays, and `audit verify` names it; our lines begin on a line of their own.
    const bool strange = (*sink)->size() != 0;
    sink_ = std::move(*sink);
    first_sequence_ = 0;
    if (strange && !sink_->write("\n")) return false;
  }
  return sink_->repair() && sync();
}

std::string Journal::trouble() const {
  if (!sink_->in_place()) return options_.path + " was removed or replaced";
  return options_.path + ": " + std::generic_category().message(sink_->fault());
}

}  // namespace sallyport
