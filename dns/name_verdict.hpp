// The policy's word on a DNS question.
#pragma once
#include "dns/answer_query.hpp"

namespace sallyport::dns {

// Types that are no data of a name, or so large that they only serve attacks.
bool is_meta(RecordType type);
inline bool is_address(RecordType type) {
  return type == RecordType::a || type == RecordType::aaaa;
}
inline bool is_service_binding(RecordType type) {
  return type == RecordType::svcb || type == RecordType::https;
}

// May this question be answered from the upstream? Every type but A and AAAA needs decide_dns as well. Denies without a
// policy in force.
Verdict upstream_verdict(const Services& services, const std::string& agent, const HostName& name, RecordType type,
                         WallClock::time_point now);

}  // namespace sallyport::dns
