// Reads the heads of HTTP/1 messages, within limits of size and time.
#pragma once
#include "net/connection.hpp"
#include "policy/result.hpp"
#include "proxy/config.hpp"
#include "proxy/connect_guarded.hpp"
#include "proxy/wire/http_head.hpp"

#include <string>

namespace sallyport {

// The next request of a client. Waiting for it may take as long as any quiet; once it has begun, it has its own limit.
// The error is what to tell the client; Refusal::Kind::left: there is nothing to say, the client has ended.
Task<Refused<wire::RequestHead>> next_request_head(Connection& client, const Config& config);

// The next answer to a request with this method. The error says in a sentence why there is none.
Task<Outcome<wire::ResponseHead>> next_answer_head(Connection& upstream, std::string method, std::size_t head_bytes);

}  // namespace sallyport
