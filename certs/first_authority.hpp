// Sallyport's own CA in its data directory: made at first use, the same ever after.
#pragma once
#include "certs/authority.hpp"

#include <memory>
#include <string>

namespace sallyport {

struct FirstAuthority {
  std::shared_ptr<const Authority> authority;
  bool made = false;  // now, and not at an earlier use
};

// Where they are: `data`/ca.pem and `data`/ca.key.
AuthorityFiles authority_files(const std::string& data);

// Reads the CA of the data directory, which exists; where there is none makes it (ECDSA P-256, path length 0), the key
// readable by its owner only and both given to the directory's owner. Two that come at once get the same one. A CA
// that can't be used, or of which one file is missing, is a complaint and never replaced: somebody may trust it.
Outcome<FirstAuthority> open_first_authority(const std::string& data, CertificateTime now);

}  // namespace sallyport
