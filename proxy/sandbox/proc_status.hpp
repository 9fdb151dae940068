// What /proc/PID/status tells of a thread.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace sallyport {

struct ProcStatus {
  pid_t process = 0;    // it is a thread of
  int descriptors = 0;  // that it has room for: all have lesser numbers
  // Signals that have come, that it has a handler for, and that it lets in: it means to be interrupted.
  bool interrupted = false;
};

ProcStatus parse_proc_status(const std::string& text);

// `proc`: the folder of all processes. nullopt: there is no such thread.
std::optional<ProcStatus> read_proc_status(int proc, pid_t thread);

}  // namespace sallyport
