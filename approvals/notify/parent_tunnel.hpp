// CONNECT (RFC 9110, 9.3.6), as a client of a parent proxy.
#pragma once
#include "net/task.hpp"
#include "policy/result.hpp"

#include <string>

namespace sallyport {

// After it, what is written to `parent` reaches `target`, "HOST:PORT". `credentials` is the value of
// Proxy-Authorization; empty: none. Bounded in what it reads; its caller bounds the time.
Task<Outcome<void>> open_parent_tunnel(Socket& parent, std::string target, std::string credentials);

}  // namespace sallyport
