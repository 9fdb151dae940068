// Writes the head that is sent on from the head that was understood; never the bytes that came.
#pragma once
#include "proxy/wire/http_head.hpp"

#include <boost/system/result.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace sallyport::wire {

enum class SendForm { origin, absolute };      // absolute: to a parent proxy
enum class Upgrading { strip, pass };          // pass: an upgrade the session is ready to tunnel, such as websocket
enum class Persistence { keep_alive, close };  // close: say so to the receiver

struct RequestForwarding {
  std::string authority{};  // decided, never the client's: goes into Host and the absolute form
  SendForm form = SendForm::origin;
  std::string scheme = "http";  // of the absolute form
  Upgrading upgrading = Upgrading::strip;
  Persistence persistence = Persistence::keep_alive;
  std::string instance{};                           // makes this proxy's name in Via its own; a token or empty
  Fields set{};                                     // added last, in place of the client's fields of the same names
  std::optional<std::string> parent_credentials{};  // value of Proxy-Authorization
};

struct ResponseForwarding {
  int client_minor = 1;                    // the request's version
  Upgrading upgrading = Upgrading::strip;  // for a 101
  Persistence persistence = Persistence::keep_alive;
  std::string instance{};
  Fields set{};
};

struct ForwardedHead {
  std::string bytes;  // through the empty line
  Framing framing;    // how the body must be sent after these bytes
};

// The name in Via: "sallyport" or "sallyport-INSTANCE".
std::string via_name(std::string_view instance);
// Whether a message has passed this very instance before.
bool names_via(const Fields& fields, std::string_view instance);

// Left out: Connection and the fields it names, Keep-Alive, Proxy-*, TE (but trailers), Upgrade (but a passed one; h2c
// and TLS never), HTTP2-Settings, X-Sallyport-* and, in requests, X-Forwarded-*, Forwarded and X-Real-IP. Framing
// fields are written anew. Faults: loop, and bad_upgrade where `pass` is asked and there is nothing fit to pass.
// CONNECT is not forwarded here.
boost::system::result<ForwardedHead, HeadFault> forward_request(const RequestHead& head,
                                                                const RequestForwarding& forwarding);

// To a client of HTTP/1.0 a chunked body becomes one that ends with the connection: send the decoded data.
// A 101 under Upgrading::strip is the fault bad_upgrade.
boost::system::result<ForwardedHead, HeadFault> forward_response(const ResponseHead& head,
                                                                 const ResponseForwarding& forwarding);

}  // namespace sallyport::wire
