// Clients that are better served over HTTP/1.1, whatever they offer.
#pragma once
#include "telemetry/event.hpp"

namespace sallyport {

// Debian 12's libcurl-gnutls, and with it its git: told by its ClientHello, since ALPN is answered before a request
// says who sends it. libcurl 7.84 to 8.4 asks for more of an upload after it was told that there is no more, where
// HTTP/2's window has cut the last piece short (curl's pull request 12363); git before 2.44 then waits for ever (its
// pull request 1608). Of 60 pushes of 2 MiB, 1 to 6 hang so with any server that keeps to the usual windows, nginx
// included.
bool uploads_badly_over_http2(const TlsFacts& client);

}  // namespace sallyport
