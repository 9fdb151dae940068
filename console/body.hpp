// The JSON object in a request's body, read strictly.
#pragma once
#include "console/message.hpp"
#include "policy/result.hpp"

#include <boost/json/object.hpp>

#include <initializer_list>
#include <string_view>

namespace sallyport {

// An object with no keys but `known`. The error is the answer to give: 415 where it isn't application/json (what a
// page of a stranger may send without asking is not), else 400.
Outcome<boost::json::object, ApiResponse> read_body(const ApiRequest& request,
                                                    std::initializer_list<std::string_view> known);
// The text at `key`; empty where it is missing. An error where it is something else.
Outcome<std::string> text_at(const boost::json::object& body, std::string_view key);

}  // namespace sallyport
