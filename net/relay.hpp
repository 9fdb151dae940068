// Moves bytes between two sockets, in the kernel where it can.
#pragma once
#include "net/connection.hpp"
#include "net/pipe_pool.hpp"
#include "net/task.hpp"

#include <cstdint>
#include <optional>

namespace sallyport {

// Bytes let through; the first one past it ends the relay.
struct RelayLimits {
  std::optional<std::uint64_t> upload;
  std::optional<std::uint64_t> download;
};

// True while the relay runs: a sweep reads last_active and cancels what has been quiet for too long.
struct RelayCounters {
  std::uint64_t up = 0;    // bytes handed to upstream
  std::uint64_t down = 0;  // bytes handed to the client
  Clock::time_point last_active = Clock::now();
};

// What of these limits is left once `counters` have counted.
inline RelayLimits remaining(const RelayLimits& limits, const RelayCounters& counters) {
  const auto left = [](const std::optional<std::uint64_t>& limit, std::uint64_t used) -> std::optional<std::uint64_t> {
    if (!limit) return std::nullopt;
    return *limit > used ? *limit - used : 0;
  };
  return {left(limits.upload, counters.up), left(limits.download, counters.down)};
}

enum class RelayClosedBy {
  client,     // its FIN came first, or it failed
  upstream,   // likewise
  limit,      // a byte past RelayLimits came
  cancelled,  // by us
  error,      // trouble of our own (memory, descriptors)
};

struct RelayEnd {
  RelayClosedBy closed_by = RelayClosedBy::error;
  error_code error;  // none where both sides ended cleanly
};

// Relays until both directions have ended. A FIN is passed on and the other direction lives; an error, a limit or
// cancellation (total or terminal) closes both sockets. Bytes read before belong to the caller to write first.
// Urgent (out-of-band) bytes are dropped. Pipes, counters and sockets outlive it. Throws only operation_aborted, where
// it was cancelled before it began.
Task<RelayEnd> relay(Socket& client, Socket& upstream, PipePool& pipes, RelayCounters& counters, RelayLimits limits);
// The same; where either is no plain socket the bytes are copied, those that are unread first.
Task<RelayEnd> relay(Connection& client, Connection& upstream, PipePool& pipes, RelayCounters& counters,
                     RelayLimits limits);

// How one direction ended.
struct PumpEnd {
  enum class How { end_of_file, read_failed, write_failed, limit, cancelled, no_resources };
  How how = How::no_resources;
  error_code error;
};

// One direction: moves bytes until the end of `from`, counting into `moved` and touching `last_active`. Neither shuts
// down nor closes anything.
Task<PumpEnd> pump(Socket& from, Socket& to, PipePool& pipes, std::uint64_t& moved, Clock::time_point& last_active,
                   std::optional<std::uint64_t> limit);
// One direction by copying.
Task<PumpEnd> pump(Connection& from, Connection& to, PipePool& pipes, std::uint64_t& moved,
                   Clock::time_point& last_active, std::optional<std::uint64_t> limit);

}  // namespace sallyport
