// Heads and trailers between HTTP/2 and HTTP/1.1 (RFC 9113, 8). Values in, values out.
#pragma once
#include "proxy/wire/http_head.hpp"

#include <boost/system/result.hpp>

#include <string>
#include <string_view>

namespace sallyport::wire {

// Why a field block is malformed (RFC 9113, 8.1.1), or not served.
enum class BlockFault {
  bad_name,             // upper case, no token, empty
  bad_value,            // CR, LF, NUL or another control, or white space around it
  pseudo_after_field,   // pseudo-headers come first
  duplicate_pseudo,     //
  unknown_pseudo,       // also one of the other direction, and :protocol
  missing_pseudo,       //
  bad_method,           // no token
  bad_scheme,           // not the connection's
  bad_path,             // neither "/…" nor OPTIONS' "*"; spaces, controls, "#", bytes above 0x7e
  bad_authority,        // empty, user information, a bad port
  host_mismatch,        // Host is not what :authority says, or there are two
  connection_specific,  // Connection, Upgrade, Transfer-Encoding and their like; TE but "trailers"
  bad_length,           // twice, no number, or a body is announced where the stream has ended
  bad_status,           // no three digits from 100 to 599; 101
  pseudo_in_trailers,   //
  connect,              // CONNECT, which is not served
};
std::string_view sentence(BlockFault fault);

// Whether DATA may follow the block.
enum class Body { none, follows };

// A head of HTTP/1.1 with its empty line, and how the body goes after it.
struct Http1Head {
  std::string bytes;
  Framing framing;
  bool interim = false;  // an answer before the answer
};

template <class T>
using Translated = boost::system::result<T, BlockFault>;

// The block of a request. The head holds no byte that could end a line or a field but the ones put there; what is
// strange otherwise (a method in lower case, a header twice) is left to who reads it. Host comes first, cookies are
// joined. A body without content-length, or whose request announces trailers, is chunked.
Translated<Http1Head> request_to_http1(const Fields& block, Body body, std::string_view scheme);
// The block of an answer to `method`. The head says `Connection: close`: a stream carries one answer.
Translated<Http1Head> response_to_http1(const Fields& block, Body body, std::string_view method);
// The block after the body. Fields that may not come there are left out (RFC 9110, 6.5.1), what is malformed is a
// fault.
Translated<Fields> trailers_from_http2(const Fields& block);

// What goes out, lower case. Connection-specific fields and those that Connection names are left out; TE stays where it
// says trailers. `head` was parsed, so its values are clean. CONNECT is a fault, as is another form than the origin's.
Translated<Fields> request_to_http2(const RequestHead& head, std::string_view scheme);
// A 101 is a fault.
Translated<Fields> response_to_http2(const ResponseHead& head);
Fields trailers_to_http2(const Fields& trailers);

// Credentials, which no compression table may keep (RFC 7541, 7.1.3).
bool is_never_indexed(const Field& field);

}  // namespace sallyport::wire
