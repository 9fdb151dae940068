// Who is behind a connection: the address, else proxy credentials (DESIGN section 3, "who").
#pragma once
#include "policy/address.hpp"
#include "policy/policy.hpp"
#include "proxy/config.hpp"
#include "proxy/refusal.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace sallyport {

struct Identity {
  std::optional<std::string> by_address;  // the agent whose `from` has the source address
  UnknownAgents unknown = UnknownAgents::default_;

  // Who it is without credentials; nullopt: refused.
  std::optional<std::string> plain() const;
};

Identity identify_by_address(const Policy& policy, const Config& config, const Address& source);

struct Credentials {
  std::string user, token;
};
// "Basic …" (RFC 7617); nullopt where it is nothing of the kind.
std::optional<Credentials> parse_basic(std::string_view value);

using Named = boost::system::result<std::string, Refusal>;
// A wrong credential is 407; one that names another agent than the address does is refused.
Named identify(const Policy& policy, const Identity& identity, const std::optional<Credentials>& credentials);

}  // namespace sallyport
