#include "telemetry/retention.hpp"

#include "telemetry/verify.hpp"

#include <filesystem>

namespace sallyport {

namespace fs = std::filesystem;

std::vector<std::string> files_to_retire(const std::string& current, const Retention& retention) {
  std::error_code error;
  const std::vector<std::string> files = log_files(current);
  std::uint64_t total = 0;
  for (const std::string& file : files) {
    const auto size = fs::file_size(file, error);
    if (!error) total += size;
  }
  std::vector<std::string> leaving;
  for (const std::string& file : files) {
    if (file == current) break;
    const auto age = fs::file_time_type::clock::now() - fs::last_write_time(file, error);
    if (error || (total <= retention.max_total_bytes && age <= retention.keep)) break;
    const auto size = fs::file_size(file, error);
    if (error) break;
    total -= size;
    leaving.push_back(file);
  }
  return leaving;
}

}  // namespace sallyport
