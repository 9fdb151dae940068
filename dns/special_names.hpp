// Names that are answered here whatever the policy says.
#pragma once
#include "dns/wire/message.hpp"
#include "policy/host_name.hpp"

namespace sallyport::dns {

enum class SpecialName {
  none,
  localhost,        // and below (RFC 6761): the sandbox's own loopback
  sallyport,        // sallyport.internal: what the agent may ask about itself
  below_sallyport,  // host.sallyport.internal and others: by policy, never upstream
  doh_canary,       // use-application-dns.net: NXDOMAIN keeps browsers on this resolver
  reverse,          // in-addr.arpa, ip6.arpa: own pool only
};

SpecialName special_name(const HostName& name);

}  // namespace sallyport::dns
