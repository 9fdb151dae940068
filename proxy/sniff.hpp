// What a client speaks, from its first bytes; nothing of them is consumed.
#pragma once
#include "net/connection.hpp"
#include "policy/policy.hpp"
#include "proxy/connect_guarded.hpp"
#include "proxy/wire/client_hello.hpp"

#include <chrono>
#include <optional>

namespace sallyport {

struct Sniffed {
  Spoken spoken = Spoken::silent;  // tls, http, ssh, other or silent
  std::optional<wire::ClientHello> hello;
};

struct Patience {
  std::chrono::milliseconds whole;                      // until the client must be identified
  std::optional<std::chrono::milliseconds> first_byte;  // silence for so long is an answer; absent: it is a refusal
};

// Bytes that stay unidentified, a broken ClientHello and an HTTP/2 preface are refusals; so is running out of time.
Task<Refused<Sniffed>> sniff(Connection& client, Patience patience);

}  // namespace sallyport
