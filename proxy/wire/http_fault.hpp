// Why a head of HTTP/1 was not understood.
#pragma once
#include <string_view>

namespace sallyport::wire {

enum class HeadFault {
  need_more,
  too_large,  // the head does not end within the limit
  too_many_fields,
  bad_line_end,  // a bare LF or a stray CR
  bad_request_line,
  bad_status_line,
  bad_method,           // no upper-case token of at most 32 bytes
  http_09,              // a request line without a version
  bad_version,          // not HTTP/D.D
  unsupported_version,  // neither 1.0 nor 1.1
  bad_target,
  bad_scheme,
  bad_field,
  missing_host,
  duplicate_host,
  bad_host,
  host_mismatch,  // Host and the target's authority differ
  duplicate_length,
  bad_length,
  bad_transfer_encoding,
  length_and_encoding,
  encoding_on_1_0,
  body_not_allowed,  // on CONNECT, or in a 1xx or 204 answer
  bad_connection,    // no list of tokens, or names a field that isn't hop-by-hop
  bad_expect,
  bad_upgrade,
  loop,  // Via says that the message has been here before
};

// What a request with this fault is answered with: 400, 417, 431, 505 or 508. A response with a fault is a 502.
unsigned http_status(HeadFault fault);
// One plain sentence about it, for people.
std::string_view sentence(HeadFault fault);

}  // namespace sallyport::wire
