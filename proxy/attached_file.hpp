// What is remembered of the attached namespaces over a restart of the daemon.
#pragma once
#include "policy/result.hpp"
#include "proxy/monitor/network_namespace.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

struct RememberedNamespace {
  std::string agent;
  NamespacePlace place;
  NamespaceIdentity identity;
};

// Of another boot nothing is the same, whatever its numbers: `boot` names this one (boot_id()).
std::string attached_text(const std::vector<RememberedNamespace>& all, const std::string& boot);
// Empty where it was another boot.
Outcome<std::vector<RememberedNamespace>> parse_attached(std::string_view text, const std::string& boot);

// The kernel's name of this boot; empty where it has none: then nothing is remembered.
std::string boot_id();

}  // namespace sallyport
