// Approvals, grants and the rest as the JSON of the admin API.
#pragma once
#include "approvals/approvals.hpp"
#include "console/backend.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace sallyport {

// Text that an agent supplied, as valid UTF-8: a byte that isn't becomes \xNN, what is too long is cut in its middle.
// Escaping is JSON's work, showing it as quoted and untrusted the reader's.
std::string agent_text(std::string_view text, std::size_t limit = 1024);

std::string format_time(WallClock::time_point time);         // "2026-11-21T16:06:47.123Z"
std::string format_duration(std::chrono::seconds duration);  // "8h", "90s"

boost::json::object to_json(const Approval& approval);
boost::json::object to_json(const Grant& grant);
boost::json::object to_json(const Decision& decision);
boost::json::object to_json(const Actor& actor);
boost::json::object to_json(const Approvals::Decided& decided);
boost::json::object to_json(const LiveConnection& connection);
boost::json::object to_json(const AgentInfo& agent);
boost::json::object to_json(const Verdict& verdict);

}  // namespace sallyport
