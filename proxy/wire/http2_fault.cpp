#include "proxy/wire/http2_translate.hpp"

namespace sallyport::wire {

std::string_view sentence(BlockFault fault) {
  switch (fault) {
    case BlockFault::bad_name:
      return "a field's name is no lower-case token";
    case BlockFault::bad_value:
      return "a field's value holds a control character, or white space around it";
    case BlockFault::pseudo_after_field:
      return "a pseudo-header comes after a field";
    case BlockFault::duplicate_pseudo:
      return "a pseudo-header is there twice";
    case BlockFault::unknown_pseudo:
      return "a pseudo-header is unknown here";
    case BlockFault::missing_pseudo:
      return "a pseudo-header is missing";
    case BlockFault::bad_method:
      return "the method is no token";
    case BlockFault::bad_scheme:
      return "the scheme is not that of the connection";
    case BlockFault::bad_path:
      return "the path is not well-formed";
    case BlockFault::bad_authority:
      return "the authority is not well-formed";
    case BlockFault::host_mismatch:
      return "host and :authority differ";
    case BlockFault::connection_specific:
      return "a field belongs to HTTP/1.1's connections";
    case BlockFault::bad_length:
      return "content-length is not well-formed, or not what the stream carries";
    case BlockFault::bad_status:
      return "the status is none that may come here";
    case BlockFault::pseudo_in_trailers:
      return "a pseudo-header stands in the trailers";
    case BlockFault::connect:
      return "CONNECT is not served here";
  }
  return "the head is malformed";
}

}  // namespace sallyport::wire
