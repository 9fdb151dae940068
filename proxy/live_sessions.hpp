// The connections a thread serves: what a sweep, a reload and a shutdown need to know of them.
#pragma once
#include "console/backend.hpp"
#include "net/task.hpp"
#include "policy/policy.hpp"
#include "telemetry/event.hpp"

#include <boost/asio/cancellation_signal.hpp>

#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <vector>

namespace sallyport {

class ConnectionRecord;

struct LiveSession {
  asio::cancellation_signal stop;
  std::uint64_t attached = 0;          // the attached door it came in by; 0: another one
  std::optional<ClosedBy> stopped_by;  // set before `stop` is emitted

  // Set while bytes are relayed.
  const Clock::time_point* last_active = nullptr;
  std::function<std::optional<ClosedBy>(const Policy&)> must_end;  // nullopt: it may go on
  std::function<void()> report_traffic;
  // Set where one connection carries many requests: no further ones, and then its end.
  std::function<void()> drain;
  // Set once it is known who wants where; what the admin API shows.
  const ConnectionRecord* record = nullptr;
  std::string grants;
  // Set while it is held: the policy in force may be another one now.
  std::function<void(const Policy&)> reconsider;
};

// Used by its thread alone.
class LiveSessions {
 public:
  using Place = std::list<LiveSession>::iterator;
  Place add() { return sessions_.emplace(sessions_.end()); }
  void remove(Place place) { sessions_.erase(place); }
  std::size_t size() const { return sessions_.size(); }

  // Ends what has been quiet for longer than `idle`, and what the policy no longer allows.
  void sweep(const Policy& policy, Clock::time_point now, Clock::duration idle);
  void report_traffic();
  std::vector<LiveConnection> snapshot(std::size_t limit) const;
  void drain();
  void stop_all(ClosedBy why);
  void stop_attached(std::uint64_t door, ClosedBy why);

 private:
  static void end(LiveSession& session, ClosedBy why);
  std::list<LiveSession> sessions_;
};

}  // namespace sallyport
