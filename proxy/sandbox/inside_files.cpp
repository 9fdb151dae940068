#include "proxy/sandbox/inside_files.hpp"

#include "proxy/sandbox/inside_devices.hpp"
#include "proxy/sandbox/mounts.hpp"
#include "proxy/sandbox/other_ways.hpp"

#include <sys/stat.h>

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <set>
#include <unistd.h>

namespace sallyport {
namespace {

namespace fs = std::filesystem;

bool at_or_below(const std::string& path, const std::string& folder) {
  return path == folder || path.starts_with(folder + "/");
}

std::string real_path(const std::string& path) {
  std::error_code error;
  const fs::path found = fs::weakly_canonical(path, error);
  return error ? path : found.string();
}

// Folders that the user could rename, with the policy in them, and put others in their place.
std::set<std::string> movable_above(const std::string& path) {
  std::set<std::string> found;
  for (fs::path at = fs::path(path).parent_path(); at.has_relative_path(); at = at.parent_path()) {
    if (::access(at.parent_path().c_str(), W_OK) == 0) found.insert(at.string());
  }
  return found;
}

std::string name_service() {
  std::ifstream file("/etc/nsswitch.conf");
  std::string text;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("hosts:")) text += line + "\n";
  }
  return text + "hosts: files dns\n";
}

class Files {
 public:
  Files(const SandboxPlan& plan, const std::vector<std::string>& sockets)
      : plan_(plan), sockets_(by_every_way(sockets)) {
    read_only_ = by_every_way(plan.read_only);
    to_hide_ = by_every_way(plan.hidden);
  }

  void make() {
    const std::string resolver_file = real_path("/etc/resolv.conf");
    keep_mounts_to_ourselves();
    mount_proc();
    pin_what_leads_to_ours();
    keep_shared();
    make_devices();
    hide_second_views();
    hide_runtime();
    lead_to_our_dns(resolver_file);
    for (const auto& socket : sockets_) cover(socket);
    for (const auto& kept : shared_) put_back(kept);
    if (!is_shared("/dev")) close_own_devices();
    for (const auto& file : read_only_) {
      if (!exists(file)) continue;  // a second path, below what is hidden by now
      pin(file);
      make_read_only(file, Within::this_mount);
    }
    for (const auto& path : to_hide_) {
      if (exists(path)) hide(path);
    }
    make_own_files();
    pin_shared();
    pin("/proc/sys");
    make_read_only("/proc/sys", Within::all_below);
    if (is_folder("/sys")) {
      pin("/sys");
      make_read_only("/sys", Within::all_below);
    }
    // Not by the descriptor from before: that would be a way under the mounts.
    if (::chdir(plan_.directory.c_str()) != 0) mount_failed("the working directory " + plan_.directory);
  }

 private:
  struct Kept {
    std::string path;
    OwnedFd descriptor;
    bool folder;
  };

  bool is_shared(const std::string& path) const {
    for (const auto& shared : plan_.shared) {
      if (at_or_below(path, shared)) return true;
    }
    return false;
  }

  // While nothing is mounted yet: then a path is still what it is outside.
  std::vector<std::string> by_every_way(const std::vector<std::string>& paths) const {
    std::vector<std::string> all = paths;
    for (const auto& path : paths) {
      for (auto& other : mounted_before_.to(path)) all.push_back(std::move(other));
    }
    return all;
  }

  void pin_what_leads_to_ours() {
    std::set<std::string> folders;  // in an order in which what is above comes first
    for (const auto* paths : {&plan_.read_only, &plan_.hidden, &plan_.links}) {
      for (const auto& path : *paths) folders.merge(movable_above(path));
    }
    for (const auto& folder : folders) pin(folder);
    for (const auto& link : plan_.links) {
      if (::access(fs::path(link).parent_path().c_str(), W_OK) == 0) pin_link(link);
    }
  }

  void keep_shared() {
    for (const auto& path : plan_.shared) {
      Kept kept{path, OwnedFd(::open(path.c_str(), O_PATH | O_CLOEXEC)), is_folder(path)};
      if (kept.descriptor.get() < 0) mount_failed(path);
      shared_.push_back(std::move(kept));
    }
  }

  // Under each are ours, whatever is shared.
  static bool is_always_own(const std::string& path) { return path == "/dev/shm" || at_or_below(path, "/dev/pts"); }

  void make_devices() {
    if (is_shared("/dev")) return make_own_terminals_and_memory();
    make_own_devices();
    hidden_.emplace_back("/dev");
  }

  // As folders of other roots (chroot) have them: of all the host's processes, terminals, messages and devices.
  void hide_second_views() const {
    for (const char* type : {"proc", "devpts", "mqueue"}) {
      for (const auto& point : mounted_before_.of_type(type)) {
        if (point != "/proc" && point != "/dev/pts" && is_folder(point)) mount_empty(point, "0755");
      }
    }
    for (const auto& point : mounted_before_.of_type("devtmpfs")) {
      if (point != "/dev" && !is_shared(point) && is_folder(point)) mount_empty(point, "0755");
    }
  }

  // All of /run: what listens there today has many names, and tomorrow others.
  void hide_runtime() {
    const char* own = std::getenv("XDG_RUNTIME_DIR");
    const std::string runtime = own && *own == '/' ? real_path(own) : "";
    for (const std::string folder : {"/run", "/var/run"}) {
      if (!is_folder(folder) || is_shared(folder)) continue;
      mount_empty(folder, "0755");
      hidden_.push_back(folder);
    }
    if (runtime.empty() || runtime == "/" || is_shared(runtime)) return;
    std::error_code error;
    fs::create_directories(runtime, error);
    if (!is_folder(runtime)) return;
    mount_empty(runtime, "0700");
    hidden_.push_back(runtime);
  }

  void lead_to_our_dns(const std::string& resolver_file) {
    // Every address answers on port 53; this one is on every lo.
    place("/dev/shm/.resolv.conf", "nameserver 127.0.0.1\noptions timeout:5 attempts:2\n", resolver_file);
    if (exists("/etc/nsswitch.conf")) {
      place("/dev/shm/.nsswitch.conf", name_service(), real_path("/etc/nsswitch.conf"));
    }
  }

  // The file lives on where it is mounted; its name does not.
  static void place(const std::string& by_way_of, const std::string& text, const std::string& onto) {
    write_new_file(by_way_of, text);
    make_place(onto, false);
    bind_mount(by_way_of, onto);
    make_read_only(onto, Within::this_mount);
    ::unlink(by_way_of.c_str());
  }

  static void hide(const std::string& path) {
    is_folder(path) ? mount_empty(path, "0755") : bind_mount("/dev/null", path);
    make_read_only(path, Within::this_mount);
  }

  void make_own_files() const {
    if (plan_.files.empty()) return;
    make_place(own_files, true);
    mount_empty(own_files, "0755");
    for (const auto& [name, text] : plan_.files) write_new_file(std::string(own_files) + "/" + name, text);
    make_read_only(own_files, Within::this_mount);
  }

  void cover(const std::string& socket) {
    struct stat found {};
    if (is_shared(socket) || ::lstat(socket.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) return;
    bind_mount("/dev/null", socket);
  }

  bool is_below_hidden(const std::string& path) const {
    for (const auto& hidden : hidden_) {
      if (at_or_below(path, hidden)) return true;
    }
    return false;
  }

  void put_back(const Kept& kept) const {
    if (!is_below_hidden(kept.path) || is_always_own(kept.path)) return;
    make_place(kept.path, kept.folder);
    bind_mount("/proc/self/fd/" + std::to_string(kept.descriptor.get()), kept.path);
  }

  // Whoever listens there may be reached; nothing can be moved or linked there from another mount.
  void pin_shared() const {
    for (const auto& kept : shared_) {
      std::error_code error;
      const bool leads_to_sockets = kept.folder || fs::is_socket(kept.path, error);
      if (leads_to_sockets && kept.path != "/" && !is_below_hidden(kept.path)) pin(kept.path);
    }
  }

  const SandboxPlan& plan_;
  const OtherWays mounted_before_;
  std::vector<std::string> sockets_, read_only_, to_hide_;  // by every path they have
  std::vector<Kept> shared_;
  std::vector<std::string> hidden_;
};

}  // namespace

Outcome<void> make_files(const SandboxPlan& plan, const std::vector<std::string>& sockets) {
  try {
    Files(plan, sockets).make();
  } catch (const MountFault& fault) {
    return Complaint{fault.what()};
  }
  return {};
}

}  // namespace sallyport
