// What the policy asks about is answered by a grant in force, or by somebody while the client waits, open and silent
// (DESIGN section 3, step 5).
#pragma once
#include "proxy/connect_guarded.hpp"
#include "proxy/consent.hpp"
#include "proxy/session.hpp"

namespace sallyport {

// Goes by the policy in force at each moment, which a reload may change while the client waits. The value is an allow;
// `attempt` then carries what was answered, and `consent` the grants. The error is the refusal: denied by a rule or a
// person, nobody answered in time, too many wait, or the client has gone.
// The record gets the verdict, the approval, the hold's begin as an event and its length.
Task<Refused<Verdict>> settle(Session& session, ConnectionRecord& record, Attempt& attempt, Consent& consent);

}  // namespace sallyport
