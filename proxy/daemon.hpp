// `sallyport serve`: everything put together, started in an order that gives privileges away, watched, and ended.
#pragma once
#include "proxy/config.hpp"

namespace sallyport {

// Runs until SIGTERM or SIGINT; the exit status. Throws std::runtime_error with what to do where it can't start.
int serve(const Config& config);

}  // namespace sallyport
