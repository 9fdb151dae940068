// One request to http://sallyport.internal/, answered here.
#pragma once
#include "proxy/session.hpp"
#include "proxy/wire/http_head.hpp"

namespace sallyport {

// What the records of such a connection say.
Verdict internal_verdict();

// Reads the rest of the request, answers it, and fills in what the record of it says. False: nothing more may be read
// from this connection. `asked` is what the request names.
Task<bool> serve_internal(Session& session, ConnectionRecord& record, const wire::RequestHead& head, Destination asked,
                          HttpEvent& event);

}  // namespace sallyport
