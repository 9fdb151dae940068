// How long older files of the log are kept.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace sallyport {

struct Retention {
  std::chrono::milliseconds keep;
  std::uint64_t max_total_bytes = 0;
};

// The oldest rotated files of the log `current`, oldest first, while they are older than `keep` or all files together
// are larger than `max_total_bytes`; never the current one.
std::vector<std::string> files_to_retire(const std::string& current, const Retention& retention);

}  // namespace sallyport
