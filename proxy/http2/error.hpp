// Why an HTTP/2 stream ended before its message did.
#pragma once
#include "net/task.hpp"

#include <cstdint>

namespace sallyport {

// Values are the codes of RFC 9113, 7, and two of our own.
enum class Http2Error : std::uint32_t {
  no_error = 0,
  protocol_error = 1,
  internal_error = 2,
  flow_control_error = 3,
  settings_timeout = 4,
  stream_closed = 5,
  frame_size_error = 6,
  refused_stream = 7,
  cancel = 8,
  compression_error = 9,
  connect_error = 10,
  enhance_your_calm = 11,
  inadequate_security = 12,
  http_1_1_required = 13,
  malformed_answer = 0x10000,  // the answer's head or framing is not what RFC 9113, 8, allows
  connection_ended = 0x10001,  // the whole connection went
};

const boost::system::error_category& http2_category();
error_code make_error_code(Http2Error error);

}  // namespace sallyport
