// What one client of the admin API may take.
#pragma once
#include <chrono>
#include <cstddef>

namespace sallyport {

struct AdminLimits {
  std::size_t connections = 128;  // of each listener, so that TCP can't keep the unix socket from its owner
  // Of these, from other hosts, those who have not shown who they are: together, and of one address or /64.
  std::size_t strangers = 64;
  std::size_t strangers_per_source = 16;
  std::size_t head_bytes = 16U << 10U;
  std::size_t body_bytes = 64U << 10U;
  std::chrono::milliseconds idle = std::chrono::seconds(60);  // between requests
  std::chrono::milliseconds head = std::chrono::seconds(10);  // from its first byte to its end
  std::chrono::milliseconds body = std::chrono::seconds(10);
  std::chrono::milliseconds write = std::chrono::seconds(20);  // of one answer, or one batch of events
  std::chrono::milliseconds heartbeat = std::chrono::seconds(15);
  double requests_per_second = 100;  // of one caller; all who are nobody are one
  double burst = 400;
};

}  // namespace sallyport
