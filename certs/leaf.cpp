#include "certs/leaf.hpp"

#include "certs/sign.hpp"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <string_view>

namespace sallyport {
namespace {

struct FreeExtension {
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
};
struct FreeNames {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};
struct FreeName {
  void operator()(GENERAL_NAME* name) const { GENERAL_NAME_free(name); }
};
struct FreeString {
  void operator()(ASN1_STRING* string) const { ASN1_STRING_free(string); }
};
struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};

using Extension = std::unique_ptr<X509_EXTENSION, FreeExtension>;

std::unique_ptr<GENERAL_NAME, FreeName> name_of(int kind, int string_kind, const void* bytes, std::size_t size) {
  std::unique_ptr<GENERAL_NAME, FreeName> name(GENERAL_NAME_new());
  std::unique_ptr<ASN1_STRING, FreeString> string(ASN1_STRING_type_new(string_kind));
  if (!name || !string || ASN1_STRING_set(string.get(), bytes, static_cast<int>(size)) != 1) return nullptr;
  GENERAL_NAME_set0_value(name.get(), kind, string.release());
  return name;
}

// Built as values, not from text: OpenSSL's syntax for it has commas and colons that mean something.
Extension alternative_name(const Host& host) {
  const auto* address = host.address();
  auto name = address ? name_of(GEN_IPADD, V_ASN1_OCTET_STRING, address->bytes().data(), address->bytes().size())
                      : name_of(GEN_DNS, V_ASN1_IA5STRING, host.name()->text().data(), host.name()->text().size());
  const std::unique_ptr<GENERAL_NAMES, FreeNames> names(GENERAL_NAMES_new());
  if (!name || !names || sk_GENERAL_NAME_push(names.get(), name.get()) <= 0) return nullptr;
  // The list owns it now.
  static_cast<void>(name.release());
  return Extension(X509V3_EXT_i2d(NID_subject_alt_name, 0, names.get()));
}

}  // namespace

bool Leaf::serves(CertificateTime now) const {
  return now >= not_before && now < renew_at;
}

Outcome<std::shared_ptr<const Leaf>> mint_leaf(const Authority& authority, const PrivateKey& key, const Host& host,
                                               CertificateTime now) {
  const std::string& file = authority.files().cert;
  if (now >= authority.not_after()) return Complaint{file, " has ended: renew the CA, `sallyport ca show` says more"};
  if (now < authority.not_before()) return Complaint{file, " is not valid yet: is this machine's clock right?"};
  const Extension name = alternative_name(host);
  auto leaf = std::make_shared<Leaf>();
  leaf->not_before = std::max(now - clock_skew, authority.not_before());
  leaf->not_after = std::min(leaf->not_before + leaf_lifetime, authority.not_after());
  leaf->renew_at = leaf->not_after == authority.not_after() ? leaf->not_after : leaf->not_after - leaf_renewal;

  SigningPlan plan;
  plan.issuer = authority.certificate().get();
  plan.issuer_key = authority.key().get();
  plan.key = key.get();
  plan.not_before = leaf->not_before;
  plan.not_after = leaf->not_after;
  // For people who look; which host it is for stands in the alternative name alone.
  plan.organization = "Sallyport inspection";
  plan.extensions = {{NID_basic_constraints, "critical,CA:FALSE"},
                     {NID_key_usage, "critical,digitalSignature"},
                     {NID_ext_key_usage, "serverAuth"}};
  plan.alternative_name = name.get();
  if (name) leaf->certificate = sign(plan);
  if (!leaf->certificate) return Complaint{"cannot mint a certificate for ", host.text(), ": ", last_openssl_error()};
  leaf->key = share(key);
  for (const auto& each : authority.intermediates()) leaf->chain.push_back(share(each));
  return std::shared_ptr<const Leaf>(std::move(leaf));
}

bool use_leaf(ssl_st* ssl, const Leaf& leaf) {
  const std::unique_ptr<STACK_OF(X509), FreeStack> chain(sk_X509_new_null());
  if (!chain) return false;
  for (const auto& each : leaf.chain) {
    if (sk_X509_push(chain.get(), each.get()) <= 0) return false;
  }
  if (SSL_use_cert_and_key(ssl, leaf.certificate.get(), leaf.key.get(), chain.get(), 1) == 1) return true;
  last_openssl_error();
  return false;
}

}  // namespace sallyport
