#include "proxy/connection_record.hpp"

#include <sys/random.h>

#include <array>
#include <stdexcept>

namespace sallyport {

std::string new_correlation() {
  std::array<unsigned char, 16> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw std::runtime_error("the kernel gives no random bytes");
  std::string text;
  text.reserve(32);
  for (const auto byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

ConnectionRecord::ConnectionRecord(AuditLog& log, Origin first) : origin(std::move(first)), log_(log) {}

ConnectionRecord::ConnectionRecord(AuditLog& log, Origin first, ConnectionRecord& whole)
    : origin(std::move(first)), tls(whole.tls), log_(log), whole_(&whole) {
  whole.parts_.push_back(this);
}

ConnectionRecord::~ConnectionRecord() {
  for (ConnectionRecord* part : parts_) part->whole_ = nullptr;
  if (!trouble_.empty() && !served_) {
    closed_by_.reset();
    failed(trouble_);
  }
  if (state_ != State::forgotten && has_own_end()) write_end();
  if (whole_) leave_whole();
}

// The whole's end is that of every request that it let in, that failed, or that its client took back.
bool ConnectionRecord::has_own_end() const {
  if (!whole_ || state_ == State::refused) return true;
  return state_ == State::undecided && !whole_->opened_;
}

void ConnectionRecord::write_end() {
  using Activity = ConnectionEvent::Activity;
  if (state_ == State::undecided) {
    ConnectionEvent end = event(Activity::fail);
    end.status_detail = detail_.empty() ? "the client left before there was a verdict" : detail_;
    end.closed_by = closed_by_.value_or(ClosedBy::client);
    write(std::move(end));
    return;
  }
  if (state_ == State::refused) {
    ConnectionEvent end = event(Activity::refuse);
    end.status_detail = detail_;
    write(std::move(end));
    return;
  }
  const ClosedBy by = closed_by_.value_or(ClosedBy::error);
  const bool orderly = by == ClosedBy::client || by == ClosedBy::upstream;
  ConnectionEvent end = event(state_ == State::failed ? Activity::fail : orderly ? Activity::close : Activity::reset);
  end.status_detail = detail_;
  end.closed_by = by;
  write(std::move(end));
}

bool ConnectionRecord::open() {
  if (whole_) return open_whole();
  const bool taken = log_.append(event(ConnectionEvent::Activity::open));
  if (taken) {
    state_ = State::open;
    opened_ = true;
  }
  return taken;
}

// The first request that is let in opens what the next ones go on.
bool ConnectionRecord::open_whole() {
  if (!whole_->opened_) {
    whole_->origin = origin;
    if (!whole_->open()) return false;
  }
  state_ = State::open;
  opened_ = true;
  return true;
}

void ConnectionRecord::leave_whole() {
  ConnectionRecord& whole = *whole_;
  whole.parts_.remove(this);
  whole.counters.up += counters.up;
  whole.counters.down += counters.down;
  if (state_ == State::failed) {
    whole.trouble_ = detail_;
    if (!whole.opened_) whole.origin = origin;
  }
  if (!opened_) return;
  if (peer) whole.peer = peer;
  if (held_) whole.held_ = whole.held_.value_or(std::chrono::milliseconds(0)) + *held_;
  if (state_ == State::open) whole.has_served();
}

// Whatever was said of a dial before: the connection came to something.
void ConnectionRecord::has_served() {
  served_ = true;
  if (state_ != State::failed) return;
  state_ = State::open;
  detail_.clear();
  closed_by_.reset();
}

Traffic ConnectionRecord::moved() const {
  if (whole_) return whole_->moved();
  Traffic all{counters.down, counters.up};
  for (const ConnectionRecord* part : parts_) {
    all.in += part->counters.down;
    all.out += part->counters.up;
  }
  return all;
}

void ConnectionRecord::forget() {
  if (state_ == State::undecided && !opened_ && !held_ && trouble_.empty()) state_ = State::forgotten;
}

void ConnectionRecord::hold_began(const std::string& approval, std::uint64_t waiting_bytes) {
  origin.approval = approval;
  ConnectionEvent began = event(ConnectionEvent::Activity::hold);
  began.waiting_bytes = waiting_bytes;
  write(std::move(began));
}

void ConnectionRecord::held(Clock::duration time) {
  held_ = held_.value_or(std::chrono::milliseconds(0)) + std::chrono::duration_cast<std::chrono::milliseconds>(time);
}

void ConnectionRecord::refused(const Refusal& refusal) {
  if (refusal.kind == Refusal::Kind::upstream) return failed(refusal.detail);
  if (refusal.kind == Refusal::Kind::left) {
    if (detail_.empty()) detail_ = refusal.detail;
    return closed(ClosedBy::client);
  }
  if (state_ == State::open) {
    // What was let in and then refused (a later request, a late first byte) ends; it was not refused at the door.
    closed_by_ = ClosedBy::policy;
  } else if (!opened_) {
    state_ = State::refused;
  }
  origin.verdict = refusal.verdict;
  detail_ = refusal.detail;
}

void ConnectionRecord::failed(std::string detail) {
  state_ = State::failed;
  if (!closed_by_) closed_by_ = ClosedBy::upstream;
  detail_ = std::move(detail);
}

void ConnectionRecord::closed(ClosedBy by) {
  if (!closed_by_) closed_by_ = by;
}

void ConnectionRecord::report_traffic() {
  if (whole_) return;
  const Traffic now = moved();
  if (state_ != State::open || (now.in == reported_.in && now.out == reported_.out)) return;
  ConnectionEvent report = event(ConnectionEvent::Activity::traffic);
  reported_ = now;
  write(std::move(report));
}

ConnectionEvent ConnectionRecord::event(ConnectionEvent::Activity activity) const {
  ConnectionEvent made;
  made.origin = origin;
  made.origin.time = WallClock::now();
  made.activity = activity;
  made.peer = peer;
  made.tls = tls;
  made.held = held_;
  const Traffic now = whole_ ? Traffic{counters.down, counters.up} : moved();
  made.traffic = Traffic{now.in - reported_.in, now.out - reported_.out};
  if (activity != ConnectionEvent::Activity::open) {
    made.cumulative = now;
    made.duration = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began_);
  }
  return made;
}

void ConnectionRecord::write(ConnectionEvent made) {
  // A lost end record is counted by the log and told of when writing works again.
  static_cast<void>(log_.append(std::move(made)));
}

}  // namespace sallyport
