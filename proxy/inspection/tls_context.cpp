#include "proxy/inspection/tls_context.hpp"

#include "certs/handles.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <iterator>
#include <string_view>

namespace sallyport {
namespace {

// As TLS writes lists of protocols: each after its length (RFC 7301, 3.1).
constexpr std::string_view only_http1 = "\x08http/1.1";
constexpr std::string_view only_http2 = "\x02h2";
constexpr std::string_view http2_first = "\x02h2\x08http/1.1";

std::string_view list_of(Protocols protocols) {
  switch (protocols) {
    case Protocols::http1:
      return only_http1;
    case Protocols::http2:
      return only_http2;
    case Protocols::http2_or_http1:
      break;
  }
  return http2_first;
}

// What lives long enough for OpenSSL to keep a pointer to it.
const Protocols* kept(Protocols protocols) {
  static constexpr Protocols all[] = {Protocols::http1, Protocols::http2, Protocols::http2_or_http1};
  return std::find(std::begin(all), std::end(all) - 1, protocols);
}

const unsigned char* as_unsigned(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// Ours comes first. Nothing in common is an alert (RFC 7301, 3.2): what the client means to speak is not understood.
int choose_protocol(SSL* ssl, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned offered_size, void*) {
  const auto* protocols = static_cast<const Protocols*>(SSL_get_app_data(ssl));
  if (!protocols) return SSL_TLSEXT_ERR_ALERT_FATAL;
  const std::string_view ours = list_of(*protocols);
  unsigned char* found = nullptr;
  const int common =
      SSL_select_next_proto(&found, size, as_unsigned(ours), static_cast<unsigned>(ours.size()), offered, offered_size);
  if (common != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

TlsContext new_context(const SSL_METHOD* method) {
  TlsContext context(SSL_CTX_new(method));
  if (!context) return context;
  if (SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1) return nullptr;
  // A resumed session has proven nothing anew, and might be another agent's.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  return context;
}

Complaint no_context() {
  return Complaint{"TLS can't be set up: ", last_openssl_error()};
}

bool expect_host(SSL* ssl, const Host& host) {
  X509_VERIFY_PARAM* wanted = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  if (const Address* address = host.address())
    return X509_VERIFY_PARAM_set1_ip_asc(wanted, address->text().c_str()) == 1;
  const std::string name = host.text();
  return X509_VERIFY_PARAM_set1_host(wanted, name.c_str(), name.size()) == 1 &&
         SSL_set_tlsext_host_name(ssl, name.c_str()) == 1;
}

}  // namespace

void FreeTlsContext::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}

Outcome<TlsContext> context_for_clients() {
  ERR_clear_error();
  TlsContext context = new_context(TLS_server_method());
  if (!context || SSL_CTX_set_num_tickets(context.get(), 0) != 1) return no_context();
  // What every client has, and cheap for us.
  if (SSL_CTX_set1_groups_list(context.get(), "X25519:P-256:P-384") != 1) return no_context();
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  return context;
}

Outcome<TlsContext> context_for_servers(const std::vector<std::string>& root_files) {
  ERR_clear_error();
  TlsContext context = new_context(TLS_client_method());
  if (!context) return no_context();
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (SSL_CTX_set_default_verify_paths(context.get()) != 1) return no_context();
  for (const auto& file : root_files) {
    if (SSL_CTX_load_verify_file(context.get(), file.c_str()) != 1)
      return Complaint{"inspect: roots: ", file, " can't be used: ", last_openssl_error()};
  }
  return context;
}

Ssl server_end(const TlsContext& context, Protocols protocols) {
  ERR_clear_error();
  Ssl ssl(SSL_new(context.get()));
  if (!ssl) return ssl;
  SSL_set_accept_state(ssl.get());
  // OpenSSL hands it back as it is and never writes to it.
  if (SSL_set_app_data(ssl.get(), const_cast<Protocols*>(kept(protocols))) != 1) return nullptr;
  return ssl;
}

Ssl client_end(const TlsContext& context, const Host& host, Protocols protocols) {
  ERR_clear_error();
  Ssl ssl(SSL_new(context.get()));
  if (!ssl || !expect_host(ssl.get(), host)) return nullptr;
  const std::string_view offered = list_of(protocols);
  // Of all calls this one says 0 where it went well.
  if (SSL_set_alpn_protos(ssl.get(), as_unsigned(offered), static_cast<unsigned>(offered.size())) != 0) return nullptr;
  SSL_set_connect_state(ssl.get());
  return ssl;
}

}  // namespace sallyport
