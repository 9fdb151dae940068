// How the parts of an approval that are never searched for are kept in the store: as JSON texts.
#pragma once
#include "approvals/approval.hpp"
#include "policy/result.hpp"

#include <string>
#include <string_view>

namespace sallyport {

std::string stored(const Circumstances& circumstances);
std::string stored(const Decision& decision);
std::string stored(const Actor& actor);

// Throw where the text is none that stored() wrote.
Circumstances circumstances_from(std::string_view text);
Decision decision_from(std::string_view text);
Actor actor_from(std::string_view text);

}  // namespace sallyport
