// Tells one endpoint of what happens, again and again until it says 2xx or the tries are over.
#pragma once
#include "approvals/notify/backlog.hpp"
#include "approvals/notify/endpoint.hpp"
#include "approvals/notify/notice.hpp"

#include <memory>

namespace sallyport {

struct RetryLimits {
  unsigned tries = 8;
  Clock::duration each = std::chrono::seconds(10);
  Clock::duration first_pause = std::chrono::seconds(1);  // doubled each time, of which a random half is left out
  Clock::duration longest_pause = std::chrono::minutes(2);
};

// On the errands' thread. Messages may overtake each other; webhook-id is the same for all tries of one.
class Webhook {
 public:
  Webhook(Errands& errands, dns::Resolver& resolver, WebhookOptions options, RetryLimits limits = {});

  void tell(const std::shared_ptr<const Notice>& notice);

 private:
  Task<> deliver(std::shared_ptr<const Notice> notice);
  void succeeded();
  void failed(const std::string& why);
  Clock::duration pause_after(unsigned tries) const;

  const NotifyEvents events_;
  const WebhookOptions::Format format_;
  const RetryLimits limits_;
  Endpoint endpoint_;
  Backlog<std::shared_ptr<const Notice>> backlog_;
  bool failing_ = false, gone_ = false;
  std::uint64_t dropped_ = 0, given_up_ = 0;
};

}  // namespace sallyport
