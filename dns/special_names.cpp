#include "dns/special_names.hpp"

namespace sallyport::dns {
namespace {

bool at_or_below(const HostName& name, std::string_view zone) {
  return name.text() == zone || name.is_below(zone);
}

}  // namespace

SpecialName special_name(const HostName& name) {
  if (at_or_below(name, "localhost")) return SpecialName::localhost;
  if (name.text() == "sallyport.internal") return SpecialName::sallyport;
  if (name.is_below("sallyport.internal")) return SpecialName::below_sallyport;
  if (at_or_below(name, "use-application-dns.net")) return SpecialName::doh_canary;
  if (at_or_below(name, "in-addr.arpa") || at_or_below(name, "ip6.arpa")) return SpecialName::reverse;
  return SpecialName::none;
}

}  // namespace sallyport::dns
