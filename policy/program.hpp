// Which program asks, as rules with `exe` are compared with it.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport {

// A file as the kernel knows it: a path can be forged with a bind mount.
struct FileIdentity {
  std::uint64_t device = 0, inode = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

// The executable of the process that made a connection, as /proc/PID/exe told at accept.
struct Program {
  FileIdentity file;
  std::string_view path;  // for people only, nothing is compared with it
};

// What a path of a rule's `exe` is now, links followed; nullopt: there is no such file.
using FileIdentifier = std::function<std::optional<FileIdentity>(const std::string& path)>;
std::optional<FileIdentity> identify_file(const std::string& path);

}  // namespace sallyport
