#include "certs/sign.hpp"

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

namespace sallyport {
namespace {

struct FreeNumber {
  void operator()(BIGNUM* number) const { BN_free(number); }
};
struct FreeExtension {
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
};

// The highest bit is set so that it is never zero or short, and 127 bits keep it positive within 16 bytes.
bool set_serial(X509* certificate) {
  const std::unique_ptr<BIGNUM, FreeNumber> number(BN_new());
  return number && BN_rand(number.get(), 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_dates(X509* certificate, const SigningPlan& plan) {
  const auto seconds = [](CertificateTime time) { return std::chrono::system_clock::to_time_t(time); };
  return ASN1_TIME_set(X509_getm_notBefore(certificate), seconds(plan.not_before)) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), seconds(plan.not_after)) != nullptr;
}

bool add_name(X509_NAME* name, const char* field, const std::string& text) {
  return text.empty() ||
         X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text.data()),
                                    static_cast<int>(text.size()), -1, 0) == 1;
}

bool set_names(X509* certificate, const SigningPlan& plan) {
  X509_NAME* name = X509_get_subject_name(certificate);
  if (!add_name(name, "O", plan.organization) || !add_name(name, "CN", plan.common_name)) return false;
  return X509_set_issuer_name(certificate, plan.issuer ? X509_get_subject_name(plan.issuer) : name) == 1;
}

bool add_extension(X509* certificate, X509V3_CTX& context, int kind, const char* value) {
  const std::unique_ptr<X509_EXTENSION, FreeExtension> extension(X509V3_EXT_nconf_nid(nullptr, &context, kind, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool add_extensions(X509* certificate, const SigningPlan& plan) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, plan.issuer ? plan.issuer : certificate, certificate, nullptr, nullptr, 0);
  for (const auto& [kind, value] : plan.extensions) {
    if (!add_extension(certificate, context, kind, value)) return false;
  }
  // In this order: a certificate that signs itself takes the authority's identifier from its own.
  if (!add_extension(certificate, context, NID_subject_key_identifier, "hash")) return false;
  const bool issuer_is_known = !plan.issuer || X509_get0_subject_key_id(plan.issuer) != nullptr;
  if (issuer_is_known && !add_extension(certificate, context, NID_authority_key_identifier, "keyid:always"))
    return false;
  return !plan.alternative_name || X509_add_ext(certificate, plan.alternative_name, -1) == 1;
}

// Ed25519 and Ed448 hash by themselves and take no digest.
const EVP_MD* digest_for(const EVP_PKEY* key) {
  return EVP_PKEY_is_a(key, "ED25519") == 1 || EVP_PKEY_is_a(key, "ED448") == 1 ? nullptr : EVP_sha256();
}

}  // namespace

Certificate sign(const SigningPlan& plan) {
  Certificate made(X509_new());
  X509* certificate = made.get();
  if (!certificate || X509_set_version(certificate, X509_VERSION_3) != 1 || !set_serial(certificate) ||
      !set_dates(certificate, plan) || !set_names(certificate, plan) || X509_set_pubkey(certificate, plan.key) != 1 ||
      !add_extensions(certificate, plan))
    return nullptr;
  if (X509_sign(certificate, plan.issuer_key, digest_for(plan.issuer_key)) <= 0) return nullptr;
  return made;
}

}  // namespace sallyport
