#include "proxy/watch_feed.hpp"

#include <boost/json/parse.hpp>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace sallyport {
namespace {

constexpr auto retry = std::chrono::seconds(2);

}  // namespace

Outcome<void> WatchFeed::begin() {
  auto listed = list();
  if (listed) connect();
  return listed;
}

Outcome<void> WatchFeed::list() {
  const auto pending = client_.list("/v1/approvals?state=pending", "approvals");
  if (!pending) return pending.error();
  listener_.whole(*pending);
  return {};
}

void WatchFeed::connect() {
  events_ = {};
  auto stream = client_.events();
  if (!stream) return lost(stream.error().text);
  stream_ = std::move(*stream);
}

void WatchFeed::lost(const std::string& words) {
  stream_.reset();
  again_ = Clock::now() + retry;
  troubled_ = true;
  listener_.trouble("trying again every 2 s: " + words);
}

std::chrono::milliseconds WatchFeed::patience() const {
  if (stream_) return std::chrono::seconds(1);
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(again_ - Clock::now());
  return std::clamp<std::chrono::milliseconds>(left, std::chrono::milliseconds(0), std::chrono::seconds(1));
}

void WatchFeed::step() {
  if (stream_) return read();
  if (Clock::now() < again_) return;
  const auto listed = list();
  if (!listed) return lost(listed.error().text);
  connect();
}

void WatchFeed::read() {
  std::array<char, 64U << 10U> bytes;
  const ssize_t size = ::recv(stream_->descriptor(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
  if (size <= 0) return lost("the daemon closed the connection");
  const auto events = events_.feed(std::string_view(bytes.data(), static_cast<std::size_t>(size)));
  if (!events_.refused().empty()) return lost("no live events (" + events_.refused() + ")");
  if (troubled_ && events_.begun()) {
    troubled_ = false;
    listener_.trouble({});
  }
  for (const auto& event : events) {
    if (event.name == "reset") {
      // What happened between the last list and this stream is in neither.
      const auto listed = list();
      if (!listed) return lost(listed.error().text);
      continue;
    }
    boost::system::error_code error;
    const auto data = boost::json::parse(event.data, error);
    if (!error && data.is_object()) listener_.event(event.name, data.get_object());
  }
}

}  // namespace sallyport
