// What connect() was given, read as the kernel reads it: pure.
#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace sallyport {

// The place in the file system that the address of a unix socket names: up to the first NUL, or to the address's end.
// nullopt: abstract, without a name, of another family, or of a length that the kernel refuses.
std::optional<std::string> pathname_of(std::span<const char> address);

// What is left of a path below /proc/PID of the process itself: "/proc/self/cwd/x" and "/proc/thread-self/cwd/x" are
// "cwd/x", "/dev/fd/3/x" is "fd/3/x". nullopt: the path begins otherwise.
std::optional<std::string> below_own_process(const std::string& path);

}  // namespace sallyport
