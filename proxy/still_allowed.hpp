// What a destination was dialled for may be over once it is there.
#pragma once
#include "proxy/consent.hpp"
#include "proxy/session.hpp"

#include <optional>

namespace sallyport {

// To be asked after the last wait, before the first byte: why nothing may be sent to what has been reached at `peer`,
// though it was allowed as the dial began. `for_all`: what the whole connection lives on; null: nothing besides.
std::optional<Refusal> no_longer_allowed(const Session& session, const Attempt& attempt,
                                         const std::optional<Address>& peer, const Consent& consent,
                                         const Consent* for_all);

}  // namespace sallyport
