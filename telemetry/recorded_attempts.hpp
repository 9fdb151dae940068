// From records to attempts.
#pragma once
#include "policy/recorded_attempt.hpp"
#include "telemetry/log_record.hpp"

#include <optional>

namespace sallyport {

// nullopt: the record is of no attempt that a policy could be asked about: an end, a hold's answer, a refusal before a
// verdict, a host that is none, or a question for more than an address.
std::optional<RecordedAttempt> attempt_of(const LogRecord& record);

}  // namespace sallyport
