#include "proxy/output_file.hpp"

#include "telemetry/safe_text.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace sallyport {

Outcome<std::unique_ptr<std::ofstream>> open_output(const std::string& path) {
  const int made = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (made < 0 && errno == EEXIST)
    return Complaint{in_quotes(path), " is there already; name another file or remove it"};
  if (made < 0) return Complaint{"can't write ", in_quotes(path), ": ", std::strerror(errno)};
  ::close(made);
  auto file = std::make_unique<std::ofstream>(path, std::ios::binary | std::ios::in | std::ios::out);
  if (!*file) return Complaint{"can't write ", in_quotes(path)};
  return file;
}

}  // namespace sallyport
