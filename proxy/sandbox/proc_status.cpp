#include "proxy/sandbox/proc_status.hpp"

#include "proxy/sandbox/sandbox.hpp"

#include <array>
#include <cstdlib>
#include <fcntl.h>
#include <sstream>
#include <unistd.h>

namespace sallyport {

ProcStatus parse_proc_status(const std::string& text) {
  ProcStatus status;
  std::uint64_t come = 0, blocked = 0, handled = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string name = line.substr(0, colon);
    const char* value = line.c_str() + colon + 1;
    if (name == "Tgid") status.process = static_cast<pid_t>(std::strtol(value, nullptr, 10));
    if (name == "FDSize") status.descriptors = static_cast<int>(std::strtol(value, nullptr, 10));
    if (name == "SigPnd" || name == "ShdPnd") come |= std::strtoull(value, nullptr, 16);
    if (name == "SigBlk") blocked = std::strtoull(value, nullptr, 16);
    if (name == "SigCgt") handled = std::strtoull(value, nullptr, 16);
  }
  status.interrupted = (come & ~blocked & handled) != 0;
  return status;
}

std::optional<ProcStatus> read_proc_status(int proc, pid_t thread) {
  const std::string name = std::to_string(thread) + "/status";
  const OwnedFd file(::openat(proc, name.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> text{};
  const ssize_t got = file.get() < 0 ? -1 : ::read(file.get(), text.data(), text.size());
  if (got <= 0) return std::nullopt;
  return parse_proc_status(std::string(text.data(), static_cast<std::size_t>(got)));
}

}  // namespace sallyport
