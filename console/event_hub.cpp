#include "console/event_hub.hpp"

#include "approvals/json.hpp"
#include "console/shapes.hpp"

#include <boost/asio/post.hpp>
#include <boost/json/serialize.hpp>

#include <charconv>
#include <random>

namespace sallyport {
namespace {

constexpr auto waiting_every = std::chrono::milliseconds(250);
constexpr auto connections_every = std::chrono::seconds(1);
constexpr std::size_t most_at_once = 64U << 10U;

std::string new_boot() {
  std::random_device random;
  return std::to_string(random()) + std::to_string(random());
}

template <class... Handlers>
struct Each : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Each(Handlers...) -> Each<Handlers...>;

}  // namespace

EventHub::EventHub(asio::io_context& context, std::size_t remembered)
    : context_(context), boot_(new_boot()), remembered_(remembered), flush_(context) {}

void EventHub::publish(std::string_view name, std::string_view json) {
  const std::lock_guard lock(mutex_);
  add(name, json);
  schedule({});
}

void EventHub::publish(const Approvals::Happening& happening) {
  using boost::json::serialize;
  const Each each{
      [this](const Approvals::Asked& asked) { publish("approval", serialize(approval_json(asked.approval))); },
      [this](const Approvals::Waiting& waiting) { publish_waiting(waiting.approval, waiting.waiting); },
      [this](const Approvals::WasDecided& decided) { publish("decision", serialize(to_json(decided.what))); },
      [this](const Approvals::Expired& expired) {
        publish("expired", serialize(boost::json::object{{"approval", expired.approval}}));
      },
      [this](const Approvals::Ended& ended) { publish("grant", serialize(grant_json(ended.grant))); }};
  std::visit(each, happening);
}

void EventHub::publish_waiting(const std::string& approval, std::uint64_t waiting) {
  const std::lock_guard lock(mutex_);
  waiting_[approval] = waiting;
  schedule(waiting_every);
}

void EventHub::connections_changed() {
  const std::lock_guard lock(mutex_);
  if (connections_) return;
  connections_ = true;
  schedule(connections_every);
}

void EventHub::add(std::string_view name, std::string_view json) {
  std::string text = "id: " + boot_ + '-' + std::to_string(first_ + ring_.size()) + "\nevent: ";
  text.append(name).append("\ndata: ").append(json).append("\n\n");
  ring_.push_back(std::move(text));
  if (ring_.size() <= remembered_) return;
  ring_.pop_front();
  ++first_;
}

void EventHub::schedule(Clock::duration after) {
  if (after == Clock::duration{}) {
    asio::post(context_, [this] {
      for (Reader* reader : readers_) reader->wake();
    });
    return;
  }
  if (scheduled_) return;
  scheduled_ = true;
  asio::post(context_, [this, after] {
    flush_.expires_after(after);
    flush_.async_wait([this](error_code error) {
      if (!error) flush();
    });
  });
}

void EventHub::flush() {
  {
    const std::lock_guard lock(mutex_);
    scheduled_ = false;
    for (const auto& [approval, waiting] : waiting_)
      add("waiting", boost::json::serialize(boost::json::object{{"approval", approval}, {"waiting", waiting}}));
    waiting_.clear();
    if (connections_) add("connections", "{}");
    connections_ = false;
  }
  for (Reader* reader : readers_) reader->wake();
}

EventHub::Reader::Reader(EventHub& hub, std::string_view last_event) : hub_(hub), news_(hub.context_) {
  place_ = hub_.readers_.insert(hub_.readers_.end(), this);
  const std::lock_guard lock(hub_.mutex_);
  const std::uint64_t end = hub_.first_ + hub_.ring_.size();
  next_ = end;
  reset_ = true;
  const std::string prefix = hub_.boot_ + '-';
  if (!last_event.starts_with(prefix)) return;
  last_event.remove_prefix(prefix.size());
  std::uint64_t seen = 0;
  const auto [rest, error] = std::from_chars(last_event.data(), last_event.data() + last_event.size(), seen);
  if (error != std::errc{} || rest != last_event.data() + last_event.size()) return;
  if (seen + 1 < hub_.first_ || seen >= end) return;
  next_ = seen + 1;
  reset_ = false;
}

EventHub::Reader::~Reader() {
  hub_.readers_.erase(place_);
}

std::optional<std::string> EventHub::Reader::take() {
  const std::lock_guard lock(hub_.mutex_);
  std::string text;
  if (reset_) {
    reset_ = false;
    text = "id: " + hub_.boot_ + '-' + std::to_string(next_ - 1) + "\nevent: reset\ndata: {}\n\n";
  }
  if (next_ < hub_.first_) return std::nullopt;
  const std::uint64_t end = hub_.first_ + hub_.ring_.size();
  while (next_ < end && text.size() < most_at_once) text += hub_.ring_[next_++ - hub_.first_];
  return text;
}

Task<> EventHub::Reader::wait(Clock::duration limit) {
  {
    const std::lock_guard lock(hub_.mutex_);
    if (reset_ || next_ < hub_.first_ + hub_.ring_.size()) co_return;
  }
  news_.expires_after(limit);
  const auto [error] = co_await news_.async_wait(no_throw);
  static_cast<void>(error);  // woken, or the time has passed: both are answers
}

}  // namespace sallyport
