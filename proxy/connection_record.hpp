// One connection's entry in the audit log: filled along the way, written exactly once whatever happens.
#pragma once
#include "net/relay.hpp"
#include "proxy/refusal.hpp"
#include "telemetry/audit_log.hpp"
#include "telemetry/event.hpp"

#include <list>
#include <optional>
#include <string>

namespace sallyport {

// 128 random bits as hex.
std::string new_correlation();

class ConnectionRecord {
 public:
  ConnectionRecord(AuditLog& log, Origin first);
  // Of one of the requests that share a connection: `whole` has their Open and their end, counts what they move, and
  // outlives it. It writes by itself what was refused or held, and that its client left where `whole` is not open.
  ConnectionRecord(AuditLog& log, Origin first, ConnectionRecord& whole);
  // Writes the end, or the refusal, or that the client left before there was a verdict.
  ~ConnectionRecord();
  ConnectionRecord(const ConnectionRecord&) = delete;
  ConnectionRecord& operator=(const ConnectionRecord&) = delete;

  Origin origin;
  std::optional<TlsFacts> tls;
  RelayCounters counters;
  std::optional<Address> peer;

  // Nothing will be written: it is counted elsewhere. Changes nothing once anything has been decided or written: an
  // Open has its end whatever follows.
  void forget();
  // Writes the Open. False: the log can't hold it, so the connection must be refused.
  [[nodiscard]] bool open();
  WallClock::time_point began() const {
    return WallClock::now() - std::chrono::duration_cast<WallClock::duration>(Clock::now() - began_);
  }
  bool is_open() const { return state_ == State::open; }
  bool is_part() const { return whole_ != nullptr; }
  // What the whole connection has moved.
  Traffic moved() const;
  // A hold begins: an event of its own. `waiting_bytes`: what the client had sent by then.
  void hold_began(const std::string& approval, std::uint64_t waiting_bytes);
  // It ended after so long; every event from now on says how long this connection has waited in all.
  void held(Clock::duration time);
  std::optional<std::chrono::milliseconds> held() const { return held_; }
  void refused(const Refusal& refusal);
  void failed(std::string detail);
  void closed(ClosedBy by);
  std::optional<ClosedBy> closed_by() const { return closed_by_; }
  // A Traffic record with what moved since the last one; nothing where nothing moved.
  void report_traffic();

 private:
  enum class State { undecided, open, refused, failed, forgotten };
  ConnectionEvent event(ConnectionEvent::Activity activity) const;
  void write(ConnectionEvent event);
  void write_end();
  bool has_own_end() const;
  bool open_whole();
  void leave_whole();
  void has_served();

  AuditLog& log_;
  ConnectionRecord* whole_ = nullptr;
  std::list<ConnectionRecord*> parts_;
  bool served_ = false;  // some part did what it was for
  std::string trouble_;  // of the last part that failed
  State state_ = State::undecided;
  bool opened_ = false;
  Traffic reported_;
  std::optional<std::chrono::milliseconds> held_;
  std::string detail_;
  std::optional<ClosedBy> closed_by_;
  Clock::time_point began_ = Clock::now();
};

}  // namespace sallyport
