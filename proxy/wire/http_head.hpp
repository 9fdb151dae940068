// Heads of HTTP/1 messages, read strictly: what could be understood in two ways is refused (RFC 9112; promise 5).
#pragma once
#include "proxy/wire/http_fault.hpp"
#include "proxy/wire/http_field.hpp"
#include "proxy/wire/http_target.hpp"
#include "proxy/wire/parsed.hpp"

#include <boost/system/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::wire {

struct HeadLimits {
  std::size_t bytes = 64 * 1024;  // from the first byte to the empty line's end
  std::size_t fields = 128;
};

// How the body is delimited. `length` counts only for Kind::length, and may be 0.
struct Framing {
  enum class Kind { none, length, chunked, until_close };
  Kind kind = Kind::none;
  std::uint64_t length = 0;
  friend bool operator==(const Framing&, const Framing&) = default;
};

struct RequestHead {
  std::string method;                   // upper case
  std::string raw_target;               // as sent
  Target target;                        // its pieces
  int minor = 1;                        // HTTP/1.minor
  Fields fields;                        // all, in order, as sent
  Authority host;                       // the effective one: the target's where it has one, else Host's
  Framing framing;                      // none, length or chunked
  bool keep_alive = false;              // the client means to send another request afterwards
  bool expect_continue = false;         // it waits for 100 before the body
  std::vector<std::string> connection;  // options named by Connection, lower case
  std::vector<std::string> upgrade;     // protocols offered, lower case; empty unless Connection names upgrade, on 1.1
};

struct ResponseHead {
  unsigned status = 0;  // 100 to 599
  std::string reason;
  int minor = 1;
  Fields fields;
  Framing framing;  // given the request's method: none for HEAD, 1xx, 204, 304 and a 2xx to CONNECT
  bool keep_alive = false;
  std::vector<std::string> connection;
  std::vector<std::string> upgrade;
};

// Reads the head at the start of `bytes`. For every prefix the answer is need_more or the final one.
// A request of HTTP/1.1 needs Host; one of 1.0 only where its target has no authority. Where both are there they agree.
boost::system::result<Parsed<RequestHead>, HeadFault> parse_request_head(std::span<const std::uint8_t> bytes,
                                                                         const HeadLimits& limits = {});

// `method` is that of the request being answered. Interim answers (1xx) are heads of their own; whether a 101 was asked
// for is the caller's to know.
boost::system::result<Parsed<ResponseHead>, HeadFault> parse_response_head(std::span<const std::uint8_t> bytes,
                                                                           std::string_view method,
                                                                           const HeadLimits& limits = {});

}  // namespace sallyport::wire
