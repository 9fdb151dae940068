// Prometheus' text format, version 0.0.4.
#pragma once
#include "console/backend.hpp"

#include <string>
#include <vector>

namespace sallyport {

// Samples of one name stand together under one HELP and TYPE, in the order of their first mention.
std::string metrics_text(const std::vector<Metric>& metrics);

}  // namespace sallyport
