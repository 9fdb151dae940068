// Making an nghttp2 session as both sides want it.
#pragma once
#include "proxy/http2/options.hpp"
#include "proxy/wire/http_field.hpp"

#include <memory>
#include <nghttp2/nghttp2.h>
#include <vector>

namespace sallyport {

// With the options of nghttp2 that bound what a peer may make it keep, windows that open only as bytes are consumed,
// and the first SETTINGS submitted. Throws where there is no memory.
nghttp2_session* make_client_session(const nghttp2_session_callbacks& callbacks, const Http2Options& options,
                                     void* user_data);
nghttp2_session* make_server_session(const nghttp2_session_callbacks& callbacks, const Http2Options& options,
                                     void* user_data);

// The window of the whole connection, `more` wider than its first.
void set_connection_window(nghttp2_session* session, const Http2Options& options, std::size_t more);

// Views of `fields`, which must live as long.
std::vector<nghttp2_nv> as_nghttp2(const wire::Fields& fields);

}  // namespace sallyport
