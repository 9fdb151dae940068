// Opens what inspected connections need, at start and before privileges are dropped: files may be readable for root
// only.
#pragma once
#include "proxy/config.hpp"
#include "proxy/inspection/inspection.hpp"

#include <memory>

namespace sallyport {

// The CA that the configuration names, else the one in the data directory, which exists; it is made where there is
// none. Throws with what to do: a CA that can't be used is no reason to leave requests unseen.
std::unique_ptr<const Inspection> open_inspection(const Config& config);

}  // namespace sallyport
