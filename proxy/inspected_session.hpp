// A client's TLS ends here, with a certificate for what it asked for; then its requests are judged one by one.
#pragma once
#include "policy/destination.hpp"
#include "proxy/http_session.hpp"
#include "proxy/session.hpp"

namespace sallyport {

// `shown` is whom the client believes to speak with: the bound host, or what its SNI says. What is unread begins with
// its ClientHello. A client that does not take our certificate is recorded with advice.
Task<> serve_inspected(Session& session, HttpBinding binding, Host shown);

}  // namespace sallyport
