// Approvals, grants and decisions as JSON objects with the names of the admin API (DESIGN section 11). What an agent
// supplied is written so that no reader of it is deceived: see plain_text().
#pragma once
#include "approvals/approval.hpp"
#include "policy/result.hpp"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace sallyport {

boost::json::object approval_json(const Approval& approval);
boost::json::object grant_json(const Grant& grant);
boost::json::object decision_json(const Decision& decision);
boost::json::object actor_json(const Actor& actor);

// {decision: approve|deny, scope?, match?, ttl?: "8h", uses?, upload?: "200MiB" or bytes, note?}. Complaints name the
// field; unknown ones are refused.
Outcome<Decision> decision_from_json(const boost::json::value& value);

// Text of others for a person's eye, on one line: control and bidirectional characters become the six characters of
// \u001b, bytes that are not UTF-8 the four of \xff, and what is too long ends in "...(+N bytes)".
std::string plain_text(std::string_view text, std::size_t limit = 1024);
std::string time_text(WallClock::time_point time);         // "2026-11-21T16:06:46.123Z"
std::string duration_text(std::chrono::seconds duration);  // "8h", "90s"

}  // namespace sallyport
