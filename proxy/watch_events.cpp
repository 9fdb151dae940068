#include "proxy/watch_events.hpp"

namespace sallyport {
namespace {

constexpr std::size_t longest = 16U << 20U;  // of one event

ApiEvents::Event parse_event(std::string_view block) {
  ApiEvents::Event event;
  while (!block.empty()) {
    const auto end = block.find('\n');
    const std::string_view line = block.substr(0, end);
    block.remove_prefix(end == std::string_view::npos ? block.size() : end + 1);
    if (line.starts_with("event: ")) event.name = line.substr(7);
    if (line.starts_with("data: ")) event.data += line.substr(6);
  }
  return event;
}

}  // namespace

bool ApiEvents::read_head() {
  const auto end = unread_.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  if (unread_.starts_with("HTTP/1.1 200 ")) {
    begun_ = true;
  } else {
    refused_ = unread_.substr(0, unread_.find("\r\n"));
  }
  unread_.erase(0, end + 4);
  return begun_;
}

std::vector<ApiEvents::Event> ApiEvents::feed(std::string_view bytes) {
  std::vector<Event> events;
  unread_ += bytes;
  if (unread_.size() > longest) refused_ = "an event is too long";
  if (!refused_.empty() || (!begun_ && !read_head())) return events;
  for (auto end = unread_.find("\n\n"); end != std::string::npos; end = unread_.find("\n\n")) {
    Event event = parse_event(std::string_view(unread_).substr(0, end));
    unread_.erase(0, end + 2);
    if (!event.name.empty()) events.push_back(std::move(event));
  }
  return events;
}

}  // namespace sallyport
