#include "proxy/wire/http_fault.hpp"

namespace sallyport::wire {

unsigned http_status(HeadFault fault) {
  switch (fault) {
    case HeadFault::too_large:
    case HeadFault::too_many_fields:
      return 431;
    case HeadFault::unsupported_version:
      return 505;
    case HeadFault::bad_expect:
      return 417;
    case HeadFault::loop:
      return 508;
    default:
      return 400;
  }
}

std::string_view sentence(HeadFault fault) {
  switch (fault) {
    case HeadFault::need_more:
      return "the HTTP head is not complete";
    case HeadFault::too_large:
      return "the HTTP head is too large";
    case HeadFault::too_many_fields:
      return "the HTTP head has too many fields";
    case HeadFault::bad_line_end:
      return "a line does not end with CR LF";
    case HeadFault::bad_request_line:
      return "the request line is malformed";
    case HeadFault::bad_status_line:
      return "the status line is malformed";
    case HeadFault::bad_method:
      return "the method is not an upper-case token of at most 32 characters";
    case HeadFault::http_09:
      return "HTTP/0.9 requests are not accepted";
    case HeadFault::bad_version:
      return "the HTTP version is malformed";
    case HeadFault::unsupported_version:
      return "only HTTP/1.0 and HTTP/1.1 are spoken here";
    case HeadFault::bad_target:
      return "the request target is malformed";
    case HeadFault::bad_scheme:
      return "the scheme of the request target is not http, https, ws or wss";
    case HeadFault::bad_field:
      return "a header field is malformed";
    case HeadFault::missing_host:
      return "the Host field is missing";
    case HeadFault::duplicate_host:
      return "there is more than one Host field";
    case HeadFault::bad_host:
      return "the host or its port is malformed";
    case HeadFault::host_mismatch:
      return "the Host field names another host than the request target";
    case HeadFault::duplicate_length:
      return "there is more than one Content-Length";
    case HeadFault::bad_length:
      return "Content-Length is not a plain decimal number";
    case HeadFault::bad_transfer_encoding:
      return "Transfer-Encoding is not exactly \"chunked\"";
    case HeadFault::length_and_encoding:
      return "both Content-Length and Transfer-Encoding are given";
    case HeadFault::encoding_on_1_0:
      return "Transfer-Encoding is not part of HTTP/1.0";
    case HeadFault::body_not_allowed:
      return "a body is announced where none can be";
    case HeadFault::bad_connection:
      return "Connection names a field that is not hop-by-hop, or is malformed";
    case HeadFault::bad_expect:
      return "the only expectation supported is 100-continue";
    case HeadFault::bad_upgrade:
      return "the upgrade is malformed or not supported";
    case HeadFault::loop:
      return "the message has passed this proxy before";
  }
  return "unknown fault";
}

}  // namespace sallyport::wire
