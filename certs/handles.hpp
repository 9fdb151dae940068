// Owners of OpenSSL's objects, for headers that must not drag OpenSSL in.
#pragma once
#include <memory>
#include <string>

struct x509_st;
struct evp_pkey_st;
struct ssl_st;

namespace sallyport {

struct FreeCertificate {
  void operator()(x509_st* certificate) const;
};
struct FreePrivateKey {
  void operator()(evp_pkey_st* key) const;
};
using Certificate = std::unique_ptr<x509_st, FreeCertificate>;
using PrivateKey = std::unique_ptr<evp_pkey_st, FreePrivateKey>;

// Another owner of the same object.
Certificate share(const Certificate& certificate);
PrivateKey share(const PrivateKey& key);

// A new ECDSA key on P-256; empty where OpenSSL can't, which means that it has no random numbers or no memory.
PrivateKey new_private_key();

// Why OpenSSL's last call on this thread failed, and forgets it: an error left in its queue would be taken for the
// next call's.
std::string last_openssl_error();

}  // namespace sallyport
