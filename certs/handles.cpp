#include "certs/handles.hpp"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

namespace sallyport {

void FreeCertificate::operator()(x509_st* certificate) const {
  X509_free(certificate);
}
void FreePrivateKey::operator()(evp_pkey_st* key) const {
  EVP_PKEY_free(key);
}

Certificate share(const Certificate& certificate) {
  if (certificate) X509_up_ref(certificate.get());
  return Certificate(certificate.get());
}

PrivateKey share(const PrivateKey& key) {
  if (key) EVP_PKEY_up_ref(key.get());
  return PrivateKey(key.get());
}

PrivateKey new_private_key() {
  return PrivateKey(EVP_EC_gen("P-256"));
}

std::string last_openssl_error() {
  const char* words = ERR_reason_error_string(ERR_peek_last_error());
  std::string text = words ? words : "no reason given";
  ERR_clear_error();
  return text;
}

}  // namespace sallyport
