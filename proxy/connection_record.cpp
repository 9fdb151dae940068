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

ConnectionRecord::~ConnectionRecord() {
  using Activity = ConnectionEvent::Activity;
  if (state_ == State::forgotten) return;
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
  const bool taken = log_.append(event(ConnectionEvent::Activity::open));
  if (taken) {
    state_ = State::open;
    opened_ = true;
  }
  return taken;
}

void ConnectionRecord::forget() {
  if (state_ == State::undecided && !opened_ && !held_) state_ = State::forgotten;
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
  const Traffic now{counters.down, counters.up};
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
  made.traffic = Traffic{counters.down - reported_.in, counters.up - reported_.out};
  if (activity != ConnectionEvent::Activity::open) {
    made.cumulative = Traffic{counters.down, counters.up};
    made.duration = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began_);
  }
  return made;
}

void ConnectionRecord::write(ConnectionEvent made) {
  // A lost end record is counted by the log and told of when writing works again.
  static_cast<void>(log_.append(std::move(made)));
}

}  // namespace sallyport
