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

// Removes the oldest rotated files of the log `current` while they are older than `keep` or all files together are
// larger than `max_total_bytes`; never the current one. The names of those removed, without their folder.
std::vector<std::string> retire_files(const std::string& current, const Retention& retention);

}  // namespace sallyport
