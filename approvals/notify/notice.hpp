// What is told: a question, its answer, or its end; and how it reads to a machine and to a chat.
#pragma once
#include "approvals/approval.hpp"
#include "approvals/notify/options.hpp"

#include <string>

namespace sallyport {

struct Notice {
  enum class Event { asked, decided, expired };
  Event event = Event::asked;
  Approval approval;
  WallClock::time_point time;

  bool is_among(const NotifyEvents& events) const;
  // The same for the same event of the same approval, whoever is told and however often.
  std::string id() const;
};

// {"type": "approval.asked", "timestamp": …, "data": the approval as the admin API shows it}
std::string standard_body(const Notice& notice);

// {"text": …} for Slack-compatible endpoints. Words of others stand in code spans, so that no name becomes a link, a
// mention or formatting.
std::string slack_body(const Notice& notice);

}  // namespace sallyport
