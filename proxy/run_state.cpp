#include "proxy/run_state.hpp"

#include "proxy/daemon_telemetry.hpp"
#include "proxy/open_inspection.hpp"
#include "proxy/sandbox/sandbox.hpp"

#include <sys/file.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <stdexcept>

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

}  // namespace sallyport
