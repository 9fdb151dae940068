#include "dns/name_verdict.hpp"

namespace sallyport::dns {

bool is_meta(RecordType type) {
  const auto value = static_cast<std::uint16_t>(type);
  return value == 0 || type == RecordType::opt || (value >= 128 && value <= 255);
}

Verdict upstream_verdict(const Services& services, const std::string& agent, const HostName& name, RecordType type,
                         WallClock::time_point now) {
  const auto policy = services.policy();
  if (!policy) {
    Verdict none;
    none.reason = "no policy is in force";
    return none;
  }
  Verdict reachable = policy->reachable(agent, name, now);
  if (reachable.action == Action::deny || is_address(type)) return reachable;
  return policy->decide_dns(agent, name, text_of(type), now);
}

}  // namespace sallyport::dns
