#include "proxy/tls_refusal.hpp"

namespace sallyport {
namespace {

using Kind = TlsTrouble::Kind;

constexpr auto advice =
    "have the client trust what `sallyport ca export` or http://sallyport.internal/ca.pem gives; where it pins "
    "certificates, allow its host by rules without methods, paths and inject, which are not inspected";

struct Words {
  unsigned status;
  const char* error;
  const char* said;
};

Words words_of(Kind kind) {
  switch (kind) {
    case Kind::certificate:
      return {502, "tls_certificate_error", "its certificate is not accepted"};
    case Kind::distrust:
    case Kind::alert:
      return {502, "tls_alert_received", "it refused"};
    case Kind::protocol:
      return {502, "tls_protocol_error", "it speaks no TLS that is understood here"};
    case Kind::closed:
      return {502, "connection_terminated", "it closed the connection"};
    case Kind::timeout:
      return {504, "connection_timeout", "it did not answer in time"};
    case Kind::ours:
      break;
  }
  return {500, "proxy_internal_error", "there was trouble here"};
}

}  // namespace

Refusal server_tls_refusal(const TlsTrouble& trouble, const Host& host) {
  const Words words = words_of(trouble.kind);
  Refusal refusal;
  refusal.kind = Refusal::Kind::upstream;
  refusal.status = words.status;
  refusal.proxy_error = words.error;
  refusal.detail = "TLS with " + host.text() + " did not come about, " + words.said;
  if (!trouble.sentence.empty()) refusal.detail += ": " + trouble.sentence;
  refusal.alert = wire::AlertDescription::internal_error;
  return refusal;
}

std::string client_tls_trouble(const TlsTrouble& trouble) {
  switch (trouble.kind) {
    case Kind::distrust:
      return "the client does not trust Sallyport's CA (" + trouble.sentence + "): " + advice;
    case Kind::closed:
      return std::string(
                 "the client ended the connection when it saw Sallyport's certificate, as those do that don't "
                 "trust its CA: ") +
             advice;
    case Kind::timeout:
      return "the client did not finish the TLS handshake in time";
    default:
      return "TLS with the client did not come about: " + trouble.sentence;
  }
}

Refusal client_left_unasked() {
  Refusal refusal;
  refusal.kind = Refusal::Kind::left;
  refusal.detail =
      std::string("the client left without a request; where it does not accept Sallyport's certificate, ") + advice;
  return refusal;
}

}  // namespace sallyport
