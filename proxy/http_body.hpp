// Moves one HTTP body from a connection to a socket, framed anew.
#pragma once
#include "net/connection.hpp"
#include "net/relay.hpp"
#include "proxy/wire/http_head.hpp"

#include <cstdint>
#include <optional>

namespace sallyport {

enum class BodyEnd {
  complete,
  source_failed,  // the sender left before the body's end
  sink_failed,    // the receiver takes no more
  malformed,      // chunks that are none: nothing more may be read from the sender
  limit,          // a byte past the limit came
};

struct BodyMeter {
  std::uint64_t& moved;  // body bytes, of the whole connection
  Clock::time_point& last_active;
  std::optional<std::uint64_t> limit;
};

// `out` may be chunked, length or until_close; trailers are passed on where it is chunked. Reads no byte past the body.
Task<BodyEnd> copy_body(Connection& from, Socket& to, wire::Framing in, wire::Framing out, BodyMeter meter);

}  // namespace sallyport
