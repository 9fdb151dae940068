// A record in words for people; every text of others in it is escaped.
#pragma once
#include "telemetry/log_record.hpp"

#include <string>

namespace sallyport {

// "open", "refuse", "GET", "AAAA?", "start", "approvals.approve"
std::string what_text(const LogRecord& record);
// "example.com:443", "\"ex\\u001bample\"", "-"
std::string destination_text(const LogRecord& record);
// Who or what decided: "rule policy.yaml:12", "default", "grant", "guard"; empty where it is not said.
std::string decider_text(const LogRecord& record);
// What was decided and what came of it: "deny by rule policy.yaml:12: \"paste sites\"; 3 times"
std::string outcome_text(const LogRecord& record);
// "release-bot was refused pastebin.com:443 by rule policy.yaml:12: \"paste sites leak code\""
std::string sentence(const LogRecord& record);

// A line of `audit query`, and its heading.
std::string row_text(const LogRecord& record);
std::string row_heading();

}  // namespace sallyport
