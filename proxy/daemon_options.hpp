// What the configuration means to the parts that are put together from it.
#pragma once
#include "approvals/approvals.hpp"
#include "console/listeners.hpp"
#include "dns/leases.hpp"
#include "proxy/admission.hpp"
#include "proxy/config.hpp"
#include "proxy/worker.hpp"

#include <cstdint>
#include <vector>

namespace sallyport {

dns::LeaseOptions lease_options(const Config& config);
// `descriptors`: as many as the process may have.
AdmissionLimits admission_limits(const Config& config, std::uint64_t descriptors);
// Every port that is Sallyport's own.
std::vector<std::uint16_t> ports_of(const Listening& at, const AdminListeners& admin);
ApprovalLimits approval_limits(const Config& config);

}  // namespace sallyport
