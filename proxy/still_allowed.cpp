#include "proxy/still_allowed.hpp"

namespace sallyport {

std::optional<Refusal> no_longer_allowed(const Session& session, const Attempt& attempt,
                                         const std::optional<Address>& peer, const Consent& consent,
                                         const Consent* for_all) {
  if (!consent.lives() || (for_all && !for_all->lives()))
    return denied_by(DecidedBy::grant, "the approval ended while the destination was dialled");
  const Shared& shared = session.services.shared;
  const auto policy = shared.policy.current();
  if (session.is_same_agent(*policy) && allowed_at(*policy, attempt, peer, shared.config.dns)) return std::nullopt;
  return denied_by(DecidedBy::guard, "the policy changed while the destination was dialled, and does not allow it now");
}

}  // namespace sallyport
