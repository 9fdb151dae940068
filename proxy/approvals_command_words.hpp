// Approvals and grants as the API gives them, in words for a terminal. What an agent supplied is escaped.
#pragma once
#include "policy/result.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

// "example.com:443", "POST example.com:80 /repos/**"
std::string destination_words(const boost::json::object& question);
// "policy.yaml:12", or "default"
std::string rule_words(const boost::json::object& approval);
// The agent's own words about it, quoted; empty where it said nothing.
std::string agent_words(const boost::json::object& approval);
// "this host, for agent release-bot", with the bounds that were given
std::string extent_words(const boost::json::object& decided);
// "root (cli)"
std::string actor_words(const boost::json::object& by);
// "12 s", "5 min", "3 h 20 min", "4 d": from then until now; empty where the time is none.
std::string age_words(std::string_view time);
// The same until then.
std::string left_words(std::string_view time);

// "1 connection", "3 connections"
std::string counted(std::uint64_t number, const char* noun);

// What is wrong with a count that was written as an option's value; empty: nothing.
std::string checked_count(const std::string& text);

const boost::json::object& object_in(const boost::json::object& object, std::string_view key);

// How many characters tell these ids apart; at least 9.
std::size_t id_length(const boost::json::array& list);
// The one whose id is, or begins with, what was written. A complaint names the nearest.
Outcome<boost::json::object> find_by_id(const boost::json::array& list, std::string_view written, const char* noun);

}  // namespace sallyport
