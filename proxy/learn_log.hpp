// What a log teaches about the policy that its agents needed.
#pragma once
#include "policy/learn.hpp"
#include "telemetry/log_reader.hpp"

namespace sallyport {

void learn_from(Learner& learner, const LogRecord& record);

}  // namespace sallyport
