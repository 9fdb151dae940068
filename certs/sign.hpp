// What a CA's own certificate and those it signs have in common. Includes OpenSSL: for this room's .cpp files only.
#pragma once
#include "certs/authority.hpp"

#include <openssl/x509.h>

#include <string>
#include <utility>
#include <vector>

namespace sallyport {

struct SigningPlan {
  X509* issuer = nullptr;  // null: itself
  EVP_PKEY* issuer_key = nullptr;
  EVP_PKEY* key = nullptr;
  CertificateTime not_before, not_after;
  std::string organization;
  std::string common_name;  // empty: none
  // OpenSSL's names of extensions and its syntax for their values.
  std::vector<std::pair<int, const char*>> extensions;
  // Added as it is; null: none.
  X509_EXTENSION* alternative_name = nullptr;
};

// An X.509 version 3 certificate with a random serial number of 127 bits and the identifiers of its own and the
// issuer's key. Empty where OpenSSL refused; last_openssl_error() then says why.
Certificate sign(const SigningPlan& plan);

}  // namespace sallyport
