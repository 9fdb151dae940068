// A client that speaks HTTP/2 inside its TLS: each of its requests is a session of its own, decided, held, recorded and
// refused by itself.
#pragma once
#include "proxy/http_session.hpp"
#include "proxy/inspection/tls_stream.hpp"
#include "proxy/session.hpp"

#include <memory>

namespace sallyport {

// Returns once every request has ended.
Task<> serve_http2(Session& session, HttpBinding binding, std::unique_ptr<TlsStream> client);

}  // namespace sallyport
