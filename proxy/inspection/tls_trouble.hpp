// Why TLS with somebody did not come about.
#pragma once
#include <string>

namespace sallyport {

struct TlsTrouble {
  enum class Kind {
    certificate,  // the server's certificate is not for this host, not valid now, or signed by nobody we trust
    distrust,     // the client does not take the certificate that Sallyport shows
    alert,        // the other side refused, with an alert
    protocol,     // the two have no version, cipher or ALPN protocol in common, or one spoke no TLS
    closed,       // the other side ended the connection
    timeout,
    ours,  // trouble of our own: no memory, no certificate
  };
  Kind kind = Kind::ours;
  std::string sentence;
};

}  // namespace sallyport
