// Which records someone asks for.
#pragma once
#include "policy/result.hpp"
#include "telemetry/log_record.hpp"

#include <optional>
#include <string>

namespace sallyport {

struct LogFilter {
  std::string agent, door, correlation;               // empty: any
  std::string verdict;                                // "allow", "ask", "deny"; see LogRecord::verdict_word
  std::optional<WallClock::time_point> since, until;  // from `since` on, before `until`

  // "example.com", an address, "*.example.com" (its subdomains) or "**.example.com" (both).
  Outcome<void> set_host(const std::string& pattern);
  bool matches(const LogRecord& record) const;
  bool in_time(const LogRecord& record) const;
  bool only_time() const;

 private:
  std::string host_;  // canonical, without stars
  bool itself_ = true, below_ = false;
};

}  // namespace sallyport
