// Ids that run through the DNS answer, its connections and their records.
#pragma once
#include <string>

namespace sallyport::dns {

// 32 lower-case hex digits from the kernel's random numbers.
std::string fresh_correlation();

}  // namespace sallyport::dns
