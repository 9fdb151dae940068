#include "proxy/sandbox/inside_devices.hpp"

#include "proxy/sandbox/mounts.hpp"
#include "proxy/sandbox/sandbox.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fcntl.h>
#include <filesystem>
#include <string>
#include <unistd.h>
#include <vector>

namespace sallyport {
namespace {

struct Node {
  std::string path;
  OwnedFd descriptor;
};

// What has one of the names and is another device is left out.
std::vector<Node> harmless_nodes() {
  std::vector<Node> nodes;
  for (const char* path : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}) {
    Node node{path, OwnedFd(::open(path, O_PATH | O_CLOEXEC))};
    struct stat found {};
    if (::fstat(node.descriptor.get(), &found) != 0 || !S_ISCHR(found.st_mode)) continue;
    if (is_harmless_device(found.st_rdev)) nodes.push_back(std::move(node));
  }
  return nodes;
}

void make_link(const char* to, const char* path) {
  if (::symlink(to, path) != 0) mount_failed(path);
}

}  // namespace

// Numbers that never change: the kernel's Documentation/admin-guide/devices.txt.
bool is_harmless_device(dev_t device) {
  if (device == makedev(5, 0)) return true;  // tty
  if (major(device) != 1) return false;
  switch (minor(device)) {
    case 3:  // null
    case 5:  // zero
    case 7:  // full
    case 8:  // random
    case 9:  // urandom
      return true;
    default:
      return false;
  }
}

void make_own_devices() {
  const std::vector<Node> nodes = harmless_nodes();
  mount_empty("/dev", "0755");
  for (const auto& node : nodes) {
    make_place(node.path, false);
    bind_mount("/proc/self/fd/" + std::to_string(node.descriptor.get()), node.path);
  }
  make_place("/dev/pts", true);
  make_place("/dev/shm", true);
  make_own_terminals_and_memory();
  make_link("pts/ptmx", "/dev/ptmx");
  make_link("/proc/self/fd", "/dev/fd");
  make_link("/proc/self/fd/0", "/dev/stdin");
  make_link("/proc/self/fd/1", "/dev/stdout");
  make_link("/proc/self/fd/2", "/dev/stderr");
}

void close_own_devices() {
  make_read_only("/dev", Within::this_mount);
}

// Each terminal has a name: who opens that of the real one types, draws and reads there.
void make_own_terminals_and_memory() {
  if (is_folder("/dev/pts")) {
    mount_terminals("/dev/pts");
    if (exists("/dev/ptmx") && !std::filesystem::is_symlink("/dev/ptmx")) bind_mount("/dev/pts/ptmx", "/dev/ptmx");
  }
  mount_empty("/dev/shm", "1777");
}

}  // namespace sallyport
