// OpenSSL's settings for both ends. For this folder's .cpp files.
#pragma once
#include "policy/destination.hpp"
#include "policy/result.hpp"
#include "proxy/inspection/inspection.hpp"

#include <memory>
#include <string>
#include <vector>

struct ssl_ctx_st;

namespace sallyport {

struct FreeTlsContext {
  void operator()(ssl_ctx_st* context) const;
};
using TlsContext = std::unique_ptr<ssl_ctx_st, FreeTlsContext>;

Outcome<TlsContext> context_for_clients();
Outcome<TlsContext> context_for_servers(const std::vector<std::string>& root_files);

// Empty where OpenSSL refused; last_openssl_error() says why.
Ssl server_end(const TlsContext& context, Protocols protocols);
// Wants a certificate for exactly this host, and names it in the SNI where it is a name.
Ssl client_end(const TlsContext& context, const Host& host, Protocols protocols);

}  // namespace sallyport
