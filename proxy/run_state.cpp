#include "proxy/run_state.hpp"

#include "proxy/daemon_telemetry.hpp"
#include "proxy/open_inspection.hpp"
#include "proxy/sandbox/sandbox.hpp"

#include <sys/file.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <stdexcept>
#include <unistd.h>

namespace sallyport {
namespace {

// Until it dies, this process is the only one of this user's runs that has one.
class StateLock {
 public:
  explicit StateLock(const std::string& state)
      : file_(::open((state + "/run.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
    int locked = -1;
    do {
      locked = ::flock(file_.get(), LOCK_EX);
    } while (locked != 0 && errno == EINTR);
    if (locked != 0) throw std::runtime_error(state + "/run.lock can't be locked: " + std::strerror(errno));
  }

 private:
  OwnedFd file_;
};

}  // namespace

std::unique_ptr<AuditLog> open_run_log(Config config, const std::string& state, EventCounters& counted,
                                       OtlpExporter* otlp) {
  const StateLock lock(state);
  config.data = state;
  return open_log(config, counted, otlp);
}

std::unique_ptr<const Inspection> open_run_inspection(Config config, const std::string& state) {
  const StateLock lock(state);
  config.data = state;
  return open_inspection(config);
}

std::string run_folder(const std::string& state) {
  const auto now = std::chrono::system_clock::now().time_since_epoch() / std::chrono::seconds(1);
  return state + "/run/" + std::to_string(now) + "-" + std::to_string(::getpid());
}

void forget_old_runs(const std::string& state, std::chrono::milliseconds keep) {
  const auto oldest = (std::chrono::system_clock::now().time_since_epoch() - keep) / std::chrono::seconds(1);
  std::error_code error;
  for (const auto& folder : std::filesystem::directory_iterator(state + "/run", error)) {
    const std::string name = folder.path().filename().string();
    long long began = 0;
    const auto [end, fault] = std::from_chars(name.data(), name.data() + name.size(), began);
    if (fault != std::errc() || end == name.data() + name.size() || *end != '-' || began >= oldest) continue;
    std::filesystem::remove_all(folder.path(), error);
  }
}

}  // namespace sallyport
