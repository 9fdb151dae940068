#include "proxy/sandbox/mounts.hpp"

#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace sallyport {
namespace {

// Numbers of the kernel's interface; glibc's <sys/mount.h> and <linux/mount.h> are at odds over their names.
constexpr unsigned long mount_bind = 4096, mount_recursive = 16384, mount_private = 1 << 18;
constexpr unsigned long no_suid = 2, no_devices = 4, no_exec = 8;

void mount_or_throw(const char* from, const std::string& onto, const char* type, unsigned long flags,
                    const char* options) {
  if (::mount(from, onto.c_str(), type, flags, options) != 0) mount_failed(onto);
}

}  // namespace

void mount_failed(const std::string& what) {
  const int error = errno;
  throw MountFault(what + " can't be made ready: " + std::strerror(error));
}

bool exists(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0;
}

bool is_folder(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

void keep_mounts_to_ourselves() {
  mount_or_throw("none", "/", nullptr, mount_recursive | mount_private, nullptr);
}

void mount_proc() {
  if (::mount("proc", "/proc", "proc", no_suid | no_devices | no_exec, nullptr) == 0) return;
  if (errno != EPERM) mount_failed("/proc");
  throw MountFault(
      "/proc can't be made the sandbox's own: parts of this one are covered, as containers do it. Start the container "
      "with its own system paths, say --security-opt systempaths=unconfined");
}

void mount_empty(const std::string& folder, const char* mode) {
  const std::string options = std::string("mode=") + mode;
  mount_or_throw("tmpfs", folder, "tmpfs", no_suid | no_devices, options.c_str());
}

void mount_terminals(const std::string& folder) {
  mount_or_throw("devpts", folder, "devpts", no_suid | no_exec, "newinstance,ptmxmode=0666,mode=0620");
}

void bind_mount(const std::string& from, const std::string& onto) {
  mount_or_throw(from.c_str(), onto, nullptr, mount_bind | mount_recursive, nullptr);
}

void make_read_only(const std::string& mount_point, Within within) {
  mount_attr change{};
  change.attr_set = MOUNT_ATTR_RDONLY;
  const unsigned flags = within == Within::all_below ? 0x8000U /* AT_RECURSIVE */ : 0U;
  if (::syscall(SYS_mount_setattr, AT_FDCWD, mount_point.c_str(), flags, &change, sizeof change) != 0) {
    mount_failed(mount_point);
  }
}

void pin(const std::string& path) {
  bind_mount(path, path);
}

void pin_link(const std::string& path) {
  constexpr unsigned clone = 1, no_follow = 0x100 /* AT_SYMLINK_NOFOLLOW */, from_empty = 4, onto_empty = 0x40;
  const int link = ::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
  const auto copy = ::syscall(SYS_open_tree, AT_FDCWD, path.c_str(), clone | no_follow | O_CLOEXEC);
  const bool mounted =
      link >= 0 && copy >= 0 && ::syscall(SYS_move_mount, copy, "", link, "", from_empty | onto_empty) == 0;
  const int error = errno;
  if (copy >= 0) ::close(static_cast<int>(copy));
  if (link >= 0) ::close(link);
  errno = error;
  if (!mounted) mount_failed("the link " + path);
}

void make_place(const std::string& path, bool folder) {
  std::error_code error;
  const auto parent = std::filesystem::path(path).parent_path();
  std::filesystem::create_directories(folder ? std::filesystem::path(path) : parent, error);
  if (!folder && !exists(path)) write_new_file(path, "");
}

void write_new_file(const std::string& path, const std::string& text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (file < 0) mount_failed(path);
  const bool written = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(file);
  if (!written) mount_failed(path);
}

}  // namespace sallyport
