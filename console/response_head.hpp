// The head of every answer: what it is, and what a browser must not do with it.
#pragma once
#include "console/message.hpp"

#include <string>

namespace sallyport {

std::string response_head(const ApiResponse& response, bool close);
std::string event_stream_head();

}  // namespace sallyport
