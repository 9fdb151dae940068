#include "proxy/sandbox/listening_paths.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace sallyport {
namespace {

namespace fs = std::filesystem;

// As they were bound; relative ones are so to what was the binder's working directory.
struct Bound {
  std::set<std::string> absolute, relative;
};

bool add_bound(const std::string& table, Bound& bound) {
  std::ifstream file(table);
  std::string line;
  if (!std::getline(file, line)) return false;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string number, references, protocol, flags, type, state, inode, path;
    words >> number >> references >> protocol >> flags >> type >> state >> inode >> std::ws;
    std::getline(words, path);
    if (path.empty() || path.starts_with('@')) continue;
    (path.starts_with('/') ? bound.absolute : bound.relative).insert(path);
  }
  return true;
}

// A folder that can't be read is none in which a command of this user finds anything.
void add_sockets_of(const fs::path& folder, std::set<std::string>& found) {
  std::error_code error, unknown;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (at->is_socket(unknown)) found.insert(at->path().string());
  }
}

bool is_process(const fs::path& entry) {
  return entry.filename().string().find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

Outcome<std::vector<std::string>> listening_paths() {
  Bound bound;
  if (!add_bound("/proc/self/net/unix", bound)) return Complaint{"/proc/net/unix can't be read"};
  std::set<ino_t> seen;  // one number for each network namespace
  std::set<fs::path> working, folders;
  std::error_code error;
  for (const auto& process : fs::directory_iterator("/proc", error)) {
    if (!is_process(process.path())) continue;
    const std::string table = process.path().string() + "/net/unix";
    struct stat identity {};
    if (::stat(table.c_str(), &identity) == 0 && seen.insert(identity.st_ino).second) add_bound(table, bound);
    const fs::path directory = fs::read_symlink(process.path() / "cwd", error);
    if (!error) working.insert(directory);
  }
  std::set<std::string> found = bound.absolute;
  for (const auto& path : bound.absolute) folders.insert(fs::path(path).parent_path());
  for (const auto& path : bound.relative) {
    for (const auto& directory : working) folders.insert((directory / path).parent_path());
  }
  for (const auto& folder : folders) add_sockets_of(folder, found);
  return std::vector<std::string>(found.begin(), found.end());
}

}  // namespace sallyport
