// Limits of one HTTP/2 connection; the same for both sides.
#pragma once
#include "net/task.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace sallyport {

struct Http2Options {
  std::string scheme = "https";       // of every request; another one is malformed
  std::size_t head_bytes = 64 << 10;  // names, values and 32 a field, as SETTINGS_MAX_HEADER_LIST_SIZE counts
  std::uint32_t max_streams = 100;    // at once, those whose near end is still held included
  // Bytes that a peer may send ahead of whoever reads. The whole connection's window is sixteen of them: what is kept
  // in memory for readers that wait.
  std::uint32_t stream_window = 64 << 10;
  std::size_t stream_capacity = 16 << 10;           // of each memory stream, each way; in memory besides
  Clock::duration idle = std::chrono::minutes(10);  // without any stream

  // Towards an origin, where a window is all that may be under way in one round trip.
  static constexpr std::uint32_t upstream_window = 256 << 10;
};

}  // namespace sallyport
