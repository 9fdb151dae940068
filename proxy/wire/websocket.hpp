// The handshake of WebSocket, as far as a proxy must understand it (RFC 6455, 4).
#pragma once
#include "proxy/wire/http_head.hpp"

#include <string>
#include <string_view>

namespace sallyport::wire {

// What a server must answer in Sec-WebSocket-Accept to this Sec-WebSocket-Key.
std::string websocket_accept(std::string_view key);

// Whether a 101 to websocket answers this very request: one key, one accept, and the two belong together. Else the
// origin may have taken the request for something else, and the bytes behind it for another request.
bool answers_websocket(const RequestHead& request, const ResponseHead& response);

}  // namespace sallyport::wire
