#include "proxy/agent_identity.hpp"

#include "proxy/connect_guarded.hpp"
#include "proxy/wire/http_field.hpp"

#include <boost/beast/core/detail/base64.hpp>

namespace sallyport {
namespace {

Refusal unauthenticated(std::string detail) {
  Refusal refusal = denied_by(DecidedBy::guard, std::move(detail));
  refusal.status = 407;
  return refusal;
}

}  // namespace

std::optional<std::string> Identity::plain() const {
  if (by_address) return by_address;
  if (unknown == UnknownAgents::deny) return std::nullopt;
  return "default";
}

Identity identify_by_address(const Policy& policy, const Config& config, const Address& source) {
  return Identity{policy.agent_of(source.unmapped()), config.unknown_agents};
}

std::optional<Credentials> parse_basic(std::string_view value) {
  constexpr std::string_view scheme = "Basic ";
  if (!wire::starts_ignoring_case(value, scheme)) return std::nullopt;
  value.remove_prefix(scheme.size());
  namespace base64 = boost::beast::detail::base64;
  if (value.empty() || value.size() > 4096 || value.size() % 4 != 0) return std::nullopt;
  std::string plain(base64::decoded_size(value.size()), '\0');
  const auto [written, read] = base64::decode(plain.data(), value.data(), value.size());
  plain.resize(written);
  const auto padding = value.find('=');
  if (read != (padding == std::string_view::npos ? value.size() : padding)) return std::nullopt;
  const auto colon = plain.find(':');
  if (colon == std::string::npos) return std::nullopt;
  return Credentials{plain.substr(0, colon), plain.substr(colon + 1)};
}

Named identify(const Policy& policy, const Identity& identity, const std::optional<Credentials>& credentials) {
  if (!credentials) {
    if (auto name = identity.plain()) return Named(boost::system::in_place_value, std::move(*name));
    return unauthenticated("this address belongs to no agent, and unknown agents are not served here");
  }
  if (!policy.token_matches(credentials->user, credentials->token))
    return unauthenticated("the proxy credentials name no agent, or its token is another one");
  if (identity.by_address && *identity.by_address != credentials->user)
    return denied_by(DecidedBy::guard, "the credentials name another agent than this address belongs to");
  return Named(boost::system::in_place_value, credentials->user);
}

}  // namespace sallyport
