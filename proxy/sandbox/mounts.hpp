// The few kinds of mounts that a sandbox needs. Each throws MountFault with what could not be done.
#pragma once
#include <stdexcept>
#include <string>

namespace sallyport {

struct MountFault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum class Within { this_mount, all_below };

bool exists(const std::string& path);
bool is_folder(const std::string& path);

// Throws with the reason that errno has.
[[noreturn]] void mount_failed(const std::string& what);

void keep_mounts_to_ourselves();
void mount_proc();
void mount_empty(const std::string& folder, const char* mode);
// A place for terminals that are no others' (devpts).
void mount_terminals(const std::string& folder);
void bind_mount(const std::string& from, const std::string& onto);
void make_read_only(const std::string& mount_point, Within within);
// Makes it a mount point of its own, so that it can't be renamed or removed.
void pin(const std::string& path);
// The same for a symbolic link, which goes on to lead where it leads.
void pin_link(const std::string& path);
// A file or folder to mount on, with the folders above it, where they are missing.
void make_place(const std::string& path, bool folder);
void write_new_file(const std::string& path, const std::string& text);

}  // namespace sallyport
