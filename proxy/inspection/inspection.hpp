// What inspected connections share: the CA their certificates come from, and whom we trust upstream.
#pragma once
#include "certs/authority.hpp"
#include "policy/destination.hpp"
#include "policy/result.hpp"
#include "proxy/inspection/tls_stream.hpp"

#include <boost/system/result.hpp>

#include <memory>
#include <string>
#include <vector>

namespace sallyport {

// The protocols of requests, the one that is liked best first.
enum class Protocols { http1, http2, http2_or_http1 };

using Secured = boost::system::result<std::unique_ptr<TlsStream>, TlsTrouble>;
[[noreturn]] void throw_exception_from_error(const TlsTrouble& trouble, const boost::source_location& where);

// Immutable but for the cache of certificates; any thread.
class Inspection {
 public:
  // `root_files` are PEM files of certificates that servers' may be signed by, beside the system's.
  static Outcome<std::unique_ptr<const Inspection>> open(std::shared_ptr<const Authority> authority,
                                                         const std::vector<std::string>& root_files);
  ~Inspection();

  const Authority& authority() const;

  // Answers a client that wants `host` with a certificate for it. What of `client` is unread is its ClientHello.
  // TLS 1.2 at least; no session outlives its connection, so none is another agent's.
  Task<Secured> accept(Connection client, Host host, Protocols protocols, Clock::duration limit) const;

  // Speaks TLS with `host` and makes sure that it is: its certificate is for this very name or address, valid now, and
  // signed by somebody we trust.
  Task<Secured> connect(Connection upstream, Host host, Protocols protocols, Clock::duration limit) const;

 private:
  struct Impl;
  explicit Inspection(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace sallyport
