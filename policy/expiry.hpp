// `expires`: a date or a time.
#pragma once
#include "policy/policy.hpp"

namespace sallyport {

// "2027-01-31" is good to the end of that day, UTC; "2027-01-31T12:00:00Z" (RFC 3339, any offset) to that moment.
// The first moment at which it holds no more. Years 1970 to 2200.
Outcome<WallClock::time_point> parse_expiry(std::string_view text);

}  // namespace sallyport
