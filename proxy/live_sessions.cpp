#include "proxy/live_sessions.hpp"

#include <vector>

namespace sallyport {

void LiveSessions::end(LiveSession& session, ClosedBy why) {
  if (!session.stopped_by) session.stopped_by = why;
  session.stop.emit(asio::cancellation_type::terminal);
}

void LiveSessions::sweep(const Policy& policy, Clock::time_point now, WallClock::time_point wall,
                         Clock::duration idle) {
  // Ending a session may remove it from the list at once: step on first.
  for (auto place = sessions_.begin(); place != sessions_.end();) {
    LiveSession& session = *place++;
    if (session.last_active && now - *session.last_active > idle) {
      end(session, ClosedBy::idle);
    } else if (session.still_allowed && !session.still_allowed(policy, wall)) {
      end(session, ClosedBy::policy);
    }
  }
}

void LiveSessions::report_traffic() {
  for (auto& session : sessions_) {
    if (session.report_traffic) session.report_traffic();
  }
}

void LiveSessions::stop_all(ClosedBy why) {
  for (auto place = sessions_.begin(); place != sessions_.end();) {
    LiveSession& session = *place++;
    end(session, why);
  }
}

}  // namespace sallyport
