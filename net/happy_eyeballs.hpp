// Connects to the first of several addresses that answers (RFC 8305).
#pragma once
#include "net/task.hpp"

#include <functional>
#include <vector>

namespace sallyport {

struct ConnectOptions {
  Clock::duration attempt_delay = std::chrono::milliseconds(250);  // before the next address gets its turn
  Clock::duration limit = std::chrono::seconds(10);                // for all attempts together
  std::function<error_code(int descriptor)> before_connect = {};   // SO_MARK and the like; an error fails the attempt
};

inline constexpr std::size_t max_connect_attempts = 8;

// Families alternate, beginning with the first endpoint's; within one the order stays. At most max_connect_attempts.
std::vector<asio::ip::tcp::endpoint> interleave_families(const std::vector<asio::ip::tcp::endpoint>& endpoints);

// The connected socket's peer is exactly one of `endpoints` (checked again with getpeername), and is not the socket
// itself. Errors: the last attempt's, timed_out at the limit, host_not_found for no endpoints, operation_aborted.
// All other attempts are closed when it returns.
Task<Result<Socket>> connect_any(std::vector<asio::ip::tcp::endpoint> endpoints, ConnectOptions options);

}  // namespace sallyport
