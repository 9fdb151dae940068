// The certificate authority that inspected connections are signed by: Sallyport's own, or one that was given.
#pragma once
#include "certs/handles.hpp"
#include "policy/result.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace sallyport {

using CertificateTime = std::chrono::system_clock::time_point;

// Ten years. What trusts a CA is images and sandboxes that were made long ago, so its end is an outage and no safety:
// a stolen key is cured by taking it out of them, not by waiting.
inline constexpr std::chrono::hours authority_lifetime = std::chrono::hours(24) * 3650;
// How far behind ours a client's clock may be.
inline constexpr std::chrono::hours clock_skew{24};

struct AuthorityFiles {
  std::string cert;  // PEM: the CA first; then, where it is an intermediate, those above it
  std::string key;   // PEM, not encrypted
};

// Whose files they are decides how strictly the key's mode is judged: ours is for its owner only, a given one may be
// read by a group, as secrets are often mounted.
enum class AuthorityOwner { sallyport, operator_ };

// Immutable; any thread.
class Authority {
 public:
  // Refuses what can't sign or what can't be trusted: a key that others can read or that belongs to another
  // certificate, a certificate that is no CA, may not sign certificates for servers, is weak, or is not valid at `now`.
  static Outcome<std::shared_ptr<const Authority>> load(const AuthorityFiles& files, AuthorityOwner owner,
                                                        CertificateTime now);

  const Certificate& certificate() const { return certificates_.front(); }
  // What a server sends after its own certificate: nothing where clients trust this CA itself.
  const std::vector<Certificate>& intermediates() const { return intermediates_; }
  const PrivateKey& key() const { return key_; }

  const AuthorityFiles& files() const { return files_; }
  std::string subject() const;             // RFC 2253, controls escaped
  std::string fingerprint_sha256() const;  // "AB:CD:…", as openssl prints it
  CertificateTime not_before() const { return not_before_; }
  CertificateTime not_after() const { return not_after_; }
  // What clients are to trust: every certificate of the file and nothing else that stands in it.
  std::string pem() const;

 private:
  Authority() = default;
  AuthorityFiles files_;
  std::vector<Certificate> certificates_, intermediates_;
  PrivateKey key_;
  CertificateTime not_before_, not_after_;
};

}  // namespace sallyport
