// nghttp2's callbacks, each a call of the Http2Endpoint's.
#pragma once
#include "proxy/http2/endpoint.hpp"

#include <nghttp2/nghttp2.h>

namespace sallyport {

// The callbacks of every session; user data is the Http2Endpoint.
const nghttp2_session_callbacks& endpoint_callbacks();

// What sends the body of an Exchange, trailers included.
nghttp2_data_provider body_of(Exchange& exchange);

}  // namespace sallyport
