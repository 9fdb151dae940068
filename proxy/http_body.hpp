// Moves one HTTP body from one connection to another, framed anew.
#pragma once
#include "net/connection.hpp"
#include "net/relay.hpp"
#include "proxy/inject/reflection.hpp"
#include "proxy/wire/http_head.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace sallyport {

enum class BodyEnd {
  complete,
  source_failed,  // the sender left before the body's end
  sink_failed,    // the receiver takes no more
  malformed,      // chunks that are none: nothing more may be read from the sender
  limit,          // a byte past the limit came
};

struct BodyMeter {
  std::uint64_t& moved;  // body bytes among others, counted before they are written
  Clock::time_point& last_active;
  std::function<bool(std::size_t bytes)> has_room;  // for so many more
  const Reflection* mask = nullptr;                 // secrets that the trailers may not give back
};

// `out` may be chunked, length or until_close; trailers are passed on where it is chunked. Reads no byte past the body.
// `head` goes before it, in one write with as much of the body as is there already, and whatever becomes of the body.
Task<BodyEnd> copy_body(Connection& from, Connection& to, wire::Framing in, wire::Framing out, BodyMeter meter,
                        std::string head = {});

}  // namespace sallyport
