// What people are told where TLS did not come about.
#pragma once
#include "policy/destination.hpp"
#include "proxy/inspection/tls_trouble.hpp"
#include "proxy/refusal.hpp"

#include <string>

namespace sallyport {

// The destination's side: 502 or 504, with the RFC 9209 error that fits.
Refusal server_tls_refusal(const TlsTrouble& trouble, const Host& host);

// The client's side, for the record: it has gone, so nobody else is told. With advice where it does not trust the CA.
std::string client_tls_trouble(const TlsTrouble& trouble);

// The same of a client that took the certificate and left without a request: some look at it only then.
Refusal client_left_unasked();

}  // namespace sallyport
