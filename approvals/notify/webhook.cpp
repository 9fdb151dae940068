#include "approvals/notify/webhook.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <random>

namespace sallyport {
namespace {

constexpr unsigned gone = 410;  // Standard Webhooks: wants nothing more

bool is_success(unsigned status) {
  return status >= 200 && status < 300;
}

}  // namespace

Webhook::Webhook(Errands& errands, dns::Resolver& resolver, WebhookOptions options, RetryLimits limits)
    : events_(options.events),
      format_(options.format),
      limits_(limits),
      endpoint_(resolver, std::move(options.endpoint)),
      backlog_(errands, {}, [this](std::shared_ptr<const Notice> notice) { return deliver(std::move(notice)); }) {}

void Webhook::tell(const std::shared_ptr<const Notice>& notice) {
  if (gone_ || !notice->is_among(events_)) return;
  const std::size_t dropped = backlog_.add(notice);
  dropped_ += dropped;
  if (dropped != 0 && dropped_ % 100 == 1)
    spdlog::warn("webhook {} is too slow: {} messages were dropped, the oldest first", endpoint_.origin(), dropped_);
}

Task<> Webhook::deliver(std::shared_ptr<const Notice> notice) {
  const std::string id = notice->id();
  const std::string body = format_ == WebhookOptions::Format::slack ? slack_body(*notice) : standard_body(*notice);
  const auto executor = co_await asio::this_coro::executor;
  Timer timer(executor);
  for (unsigned tries = 1; !gone_; ++tries) {
    const auto reply = co_await endpoint_.post(id, body, limits_.each);
    if (reply && is_success(reply->status)) co_return succeeded();
    if (reply && reply->status == gone) {
      gone_ = true;
      spdlog::warn("webhook {} says 410 Gone: it is told nothing more until the next start", endpoint_.origin());
      co_return;
    }
    failed(reply ? "it said HTTP " + std::to_string(reply->status) : reply.error().text);
    if (tries >= limits_.tries) break;
    Clock::duration pause = pause_after(tries);
    if (reply) pause = std::max<Clock::duration>(pause, reply->retry_after);
    timer.expires_after(pause);
    const auto [error] = co_await timer.async_wait(no_throw);
    if (error) co_return;
  }
  if (gone_) co_return;
  ++given_up_;
  spdlog::warn("webhook {} was not told of {}: {} tries failed; {} messages so far", endpoint_.origin(), id,
               limits_.tries, given_up_);
}

// Once for each time that it begins and ends to fail, however many messages that are.
void Webhook::succeeded() {
  if (failing_) spdlog::info("webhook {} takes messages again", endpoint_.origin());
  failing_ = false;
}

void Webhook::failed(const std::string& why) {
  if (!failing_) spdlog::warn("webhook {}: {}; it is tried again", endpoint_.origin(), why);
  failing_ = true;
}

Clock::duration Webhook::pause_after(unsigned tries) const {
  const auto whole = std::min(limits_.first_pause * (1U << std::min(tries - 1, 20U)), limits_.longest_pause);
  thread_local std::minstd_rand random{std::random_device{}()};
  const auto half = whole.count() / 2;
  return Clock::duration(half + std::uniform_int_distribution<Clock::rep>(0, half)(random));
}

}  // namespace sallyport
