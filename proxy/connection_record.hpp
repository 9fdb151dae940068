// One connection's entry in the audit log: filled along the way, written exactly once whatever happens.
#pragma once
#include "net/relay.hpp"
#include "proxy/refusal.hpp"
#include "telemetry/audit_log.hpp"
#include "telemetry/event.hpp"

#include <optional>
#include <string>

namespace sallyport {

// 128 random bits as hex.
std::string new_correlation();

class ConnectionRecord {
 public:
  ConnectionRecord(AuditLog& log, Origin first);
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
  // A hold begins: an event of its own. `waiting_bytes`: what the client had sent by then.
  void hold_began(const std::string& approval, std::uint64_t waiting_bytes);
  // It ended after so long; every event from now on says how long this connection has waited in all.
  void held(Clock::duration time);
  std::optional<std::chrono::milliseconds> held() const { return held_; }
  void refused(const Refusal& refusal);
  void failed(std::string detail);
  void closed(ClosedBy by);
  // A Traffic record with what moved since the last one; nothing where nothing moved.
  void report_traffic();

 private:
  enum class State { undecided, open, refused, failed, forgotten };
  ConnectionEvent event(ConnectionEvent::Activity activity) const;
  void write(ConnectionEvent event);

  AuditLog& log_;
  State state_ = State::undecided;
  bool opened_ = false;
  Traffic reported_;
  std::optional<std::chrono::milliseconds> held_;
  std::string detail_;
  std::optional<ClosedBy> closed_by_;
  Clock::time_point began_ = Clock::now();
};

}  // namespace sallyport
