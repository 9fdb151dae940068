#include "proxy/sandbox/taken_descriptor.hpp"

#include "proxy/sandbox/proc_status.hpp"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unistd.h>

namespace sallyport {
namespace {

constexpr unsigned only_this_thread = O_EXCL;  // PIDFD_THREAD
constexpr int most_unlisted = 4096;

using Folder = std::unique_ptr<DIR, int (*)(DIR*)>;

Folder open_folder(int at, const std::string& name) {
  const int opened = ::openat(at, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  Folder folder(opened < 0 ? nullptr : ::fdopendir(opened), ::closedir);
  if (!folder && opened >= 0) ::close(opened);
  return folder;
}

std::optional<int> next_number(const Folder& folder) {
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string_view name(entry->d_name);
    int number = 0;
    const auto read = std::from_chars(name.data(), name.data() + name.size(), number);
    if (read.ec == std::errc() && read.ptr == name.data() + name.size()) return number;
  }
  return std::nullopt;
}

bool leads_to(const Folder& folder, int number, const std::string& target) {
  std::array<char, 64> text{};
  const ssize_t got = ::readlinkat(::dirfd(folder.get()), std::to_string(number).c_str(), text.data(), text.size());
  return got > 0 && std::string_view(text.data(), static_cast<std::size_t>(got)) == target;
}

// The number may be another socket's by now.
bool is_socket(const OwnedFd& taken, std::uint64_t socket) {
  struct stat found {};
  return taken.get() >= 0 && ::fstat(taken.get(), &found) == 0 && S_ISSOCK(found.st_mode) && found.st_ino == socket;
}

OwnedFd take_if(int process, int number, std::uint64_t socket) {
  OwnedFd taken = take_descriptor(process, number);
  return is_socket(taken, socket) ? std::move(taken) : OwnedFd();
}

// Who lets nobody look into it, as agents that keep keys do, has its descriptors listed for nobody. They can be taken.
OwnedFd take_unlisted(int proc, pid_t process, int held, std::uint64_t socket) {
  const auto status = read_proc_status(proc, process);
  const int all = status ? std::min(status->descriptors, most_unlisted) : 0;
  for (int number = 0; number < all; ++number) {
    OwnedFd taken = take_if(held, number, socket);
    if (taken.get() >= 0) return taken;
  }
  return OwnedFd();
}

OwnedFd take_from(int proc, pid_t process, std::uint64_t socket) {
  const OwnedFd held = hold_thread(proc, process);
  const Folder folder = open_folder(proc, std::to_string(process) + "/fd");
  if (!folder) return take_unlisted(proc, process, held.get(), socket);
  const std::string target = "socket:[" + std::to_string(socket) + "]";
  while (const auto number = next_number(folder)) {
    if (!leads_to(folder, *number, target)) continue;
    OwnedFd taken = take_if(held.get(), *number, socket);
    if (taken.get() >= 0) return taken;
  }
  return OwnedFd();
}

}  // namespace

OwnedFd hold_thread(int proc, pid_t thread) {
  OwnedFd held(static_cast<int>(::syscall(SYS_pidfd_open, thread, only_this_thread)));
  if (held.get() >= 0 || errno != EINVAL) return held;
  const auto status = read_proc_status(proc, thread);
  return OwnedFd(status ? static_cast<int>(::syscall(SYS_pidfd_open, status->process, 0)) : -1);
}

OwnedFd take_descriptor(int thread, int number) {
  return OwnedFd(static_cast<int>(::syscall(SYS_pidfd_getfd, thread, number, 0)));
}

OwnedFd take_socket_from_anybody(int proc, std::uint64_t socket) {
  const Folder all = open_folder(proc, ".");
  if (!all) return OwnedFd();
  while (const auto process = next_number(all)) {
    OwnedFd taken = take_from(proc, *process, socket);
    if (taken.get() >= 0) return taken;
  }
  return OwnedFd();
}

}  // namespace sallyport
