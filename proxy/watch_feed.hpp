// What happens to approvals, as it happens: by the event stream, or, where that cannot be had, by asking now and then.
#pragma once
#include "proxy/admin_client.hpp"
#include "proxy/watch_events.hpp"

#include <boost/json/array.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace sallyport {

class WatchFeed {
 public:
  using Clock = std::chrono::steady_clock;
  struct Listener {
    std::function<void(const boost::json::array& pending)> whole;  // all that is pending; what else was known is gone
    std::function<void(const std::string& name, const boost::json::object& data)> event;
    std::function<void(const std::string& words)> trouble;  // empty: it is over
  };
  WatchFeed(const AdminClient& client, Listener listener) : client_(client), listener_(std::move(listener)) {}

  // Connects; a failure here is told to the caller alone.
  Outcome<void> begin();
  // To be called when descriptor() is readable, and at the latest after patience().
  void step();
  int descriptor() const { return stream_ ? stream_->descriptor() : -1; }
  std::chrono::milliseconds patience() const;

 private:
  Outcome<void> list();
  void connect();
  void lost(const std::string& words);
  void read();

  const AdminClient& client_;
  Listener listener_;
  std::optional<AdminSocketHandle> stream_;
  ApiEvents events_;
  Clock::time_point again_;  // while there is no stream
  bool troubled_ = false;
};

}  // namespace sallyport
