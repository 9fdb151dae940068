// Server-sent events, as the admin API writes them.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

struct ApiEvents {
  struct Event {
    std::string name, data;
  };
  // The events that these bytes complete; the answer's head, comments and ids are passed over. However the bytes are
  // cut, the events are the same.
  std::vector<Event> feed(std::string_view bytes);
  // Why it is no event stream; empty while it is, or may become, one.
  const std::string& refused() const { return refused_; }
  bool begun() const { return begun_; }

 private:
  bool read_head();

  std::string unread_, refused_;
  bool begun_ = false;
};

}  // namespace sallyport
