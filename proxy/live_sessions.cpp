#include "proxy/live_sessions.hpp"

#include "proxy/connection_record.hpp"

namespace sallyport {

void LiveSessions::end(LiveSession& session, ClosedBy why) {
  if (!session.stopped_by) session.stopped_by = why;
  session.stop.emit(asio::cancellation_type::terminal);
}

void LiveSessions::sweep(const Policy& policy, Clock::time_point now, Clock::duration idle) {
  // Ending a session may remove it from the list at once: step on first.
  for (auto place = sessions_.begin(); place != sessions_.end();) {
    LiveSession& session = *place++;
    if (session.reconsider) session.reconsider(policy);
    if (session.last_active && now - *session.last_active > idle) {
      end(session, ClosedBy::idle);
    } else if (const auto why = session.must_end ? session.must_end(policy) : std::nullopt) {
      end(session, *why);
    }
  }
}

void LiveSessions::report_traffic() {
  for (auto& session : sessions_) {
    if (session.report_traffic) session.report_traffic();
  }
}

std::vector<LiveConnection> LiveSessions::snapshot(std::size_t limit) const {
  std::vector<LiveConnection> all;
  for (const LiveSession& session : sessions_) {
    const ConnectionRecord* record = session.record;
    const bool held = session.reconsider != nullptr;
    // What requests share is listed once, and besides it those that wait.
    const bool open = record && record->is_open() && !record->is_part();
    if (!(held || open) || !record || all.size() == limit) continue;
    const Origin& origin = record->origin;
    LiveConnection connection;
    connection.id = origin.correlation;
    connection.agent = origin.agent;
    connection.host = origin.host;
    connection.port = origin.port;
    connection.door = origin.door;
    connection.state = held ? LiveConnection::State::held : LiveConnection::State::open;
    connection.since = record->began();
    connection.traffic = record->moved();
    connection.approval = origin.approval;
    connection.grant = session.grants;
    all.push_back(std::move(connection));
  }
  return all;
}

void LiveSessions::drain() {
  for (auto& session : sessions_) {
    if (session.drain) session.drain();
  }
}

void LiveSessions::stop_all(ClosedBy why) {
  for (auto place = sessions_.begin(); place != sessions_.end();) {
    LiveSession& session = *place++;
    end(session, why);
  }
}

void LiveSessions::stop_attached(std::uint64_t door, ClosedBy why) {
  for (auto place = sessions_.begin(); place != sessions_.end();) {
    LiveSession& session = *place++;
    if (session.attached == door) end(session, why);
  }
}

}  // namespace sallyport
