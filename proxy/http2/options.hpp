// Limits of one HTTP/2 connection; the same for both sides.
#pragma once
#include "net/task.hpp"
#include "proxy/http2/window_budget.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace sallyport {

struct Http2Options {
  std::string scheme = "https";       // of every request; another one is malformed
  std::size_t head_bytes = 64 << 10;  // names, values and 32 a field, as SETTINGS_MAX_HEADER_LIST_SIZE counts
  std::uint32_t max_streams = 100;    // at once, those whose near end is still held included
  // Bytes that a peer may send ahead of whoever reads. The whole connection's window is sixteen of them: the most that
  // is kept in memory for readers that wait.
  std::uint32_t stream_window = 64 << 10;
  // So far the window of a stream grows whose reader keeps up, for a window is all that may be under way in one round
  // trip; and the connection's with it, until that stream ends. Towards clients none does: they are near, and what of
  // libcurl is older than 8.1 may send twice what it could not send at once, as it can't where more is under way than a
  // socket takes.
  std::uint32_t widest_window = 64 << 10;
  std::shared_ptr<WindowBudget> window_budget;      // what they grow by is of this; null: not bounded
  std::size_t stream_capacity = 16 << 10;           // of each memory stream, each way; in memory besides
  Clock::duration idle = std::chrono::minutes(10);  // without any stream

  // Towards an origin.
  static constexpr std::uint32_t widest_upstream = 4 << 20;
};

}  // namespace sallyport
