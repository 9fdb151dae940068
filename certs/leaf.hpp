// The certificate that stands for one host in an inspected connection.
#pragma once
#include "certs/authority.hpp"
#include "certs/handles.hpp"
#include "policy/destination.hpp"
#include "policy/result.hpp"

#include <chrono>
#include <memory>
#include <vector>

namespace sallyport {

// From its first to its last second, the day for skewed clocks included.
inline constexpr std::chrono::hours leaf_lifetime = std::chrono::hours(24) * 30;
// Before its end a leaf is minted anew, so that a connection made now does not meet the end at once.
inline constexpr std::chrono::hours leaf_renewal{24};

// Immutable; any thread.
struct Leaf {
  Certificate certificate;
  PrivateKey key;
  std::vector<Certificate> chain;  // sent after the certificate
  CertificateTime not_before, not_after;

  // False once another should be minted, or where the clock went back before its time.
  bool serves(CertificateTime now) const;
  // Where the CA ends together with it, a new one would not live longer.
  CertificateTime renew_at;
};

// For exactly this host: its name as A-labels or its address as the only subject alternative name, never a wildcard,
// for servers only. Never valid beyond the authority. `key` is the leaf's own.
Outcome<std::shared_ptr<const Leaf>> mint_leaf(const Authority& authority, const PrivateKey& key, const Host& host,
                                               CertificateTime now);

// Makes a server's SSL answer with the leaf, which it then owns too. False: OpenSSL refused; close the connection.
bool use_leaf(ssl_st* ssl, const Leaf& leaf);

}  // namespace sallyport
