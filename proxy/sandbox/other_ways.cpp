#include "proxy/sandbox/other_ways.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace sallyport {
namespace {

namespace fs = std::filesystem;

constexpr int most_links = 40;  // as the kernel follows

bool at_or_below(const std::string& path, const std::string& folder) {
  return folder == "/" || path == folder || path.starts_with(folder + "/");
}

std::string joined(const std::string& folder, const std::string& rest) {
  return folder == "/" ? (rest.empty() ? "/" : rest) : folder + rest;
}

// What of `path` is left below `folder`: empty, or from a "/" on.
std::string below(const std::string& path, const std::string& folder) {
  const std::string rest = path.substr(folder == "/" ? 0 : folder.size());
  return rest == "/" ? "" : rest;
}

// The table has white space and backslashes as \040.
std::string unescaped(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 3 < text.size();
    plain += escape ? static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8)) : text[i];
    if (escape) i += 3;
  }
  return plain;
}

bool is_same(const std::string& one, const std::string& other) {
  struct stat first {
  }, second{};
  return ::lstat(one.c_str(), &first) == 0 && ::lstat(other.c_str(), &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

}  // namespace

OtherWays::OtherWays() {
  std::ifstream table("/proc/self/mountinfo");
  for (std::string line; std::getline(table, line);) {
    std::istringstream words(line);
    std::string number, parent, device, root, point, type;
    if (!(words >> number >> parent >> device >> root >> point)) continue;
    while (words >> type && type != "-") {  // options, as many as there are
    }
    words >> type;
    mounted_.push_back({device, unescaped(root), unescaped(point), type});
  }
}

const OtherWays::Mounted* OtherWays::holding(const std::string& path) const {
  const Mounted* found = nullptr;
  for (const auto& each : mounted_) {
    if (at_or_below(path, each.point) && (!found || each.point.size() >= found->point.size())) found = &each;
  }
  return found;
}

std::vector<std::string> OtherWays::to(const std::string& path) const {
  std::vector<std::string> found;
  const Mounted* own = holding(path);
  if (!own) return found;
  const std::string within = joined(own->root, below(path, own->point));
  for (const auto& each : mounted_) {
    if (each.device != own->device || !at_or_below(within, each.root)) continue;
    const std::string other = joined(each.point, below(within, each.root));
    if (other == path || std::find(found.begin(), found.end(), other) != found.end()) continue;
    if (is_same(path, other)) found.push_back(other);
  }
  return found;
}

std::vector<std::string> OtherWays::of_type(const std::string& type) const {
  std::vector<std::string> found;
  for (const auto& each : mounted_) {
    if (each.type == type && each.root == "/") found.push_back(each.point);
  }
  return found;
}

std::vector<std::string> OtherWays::points_below(const std::string& path) const {
  std::vector<std::string> found;
  for (const auto& each : mounted_) {
    if (at_or_below(each.point, path)) found.push_back(each.point);
  }
  return found;
}

std::vector<std::string> links_on(const std::string& path) {
  std::vector<std::string> links;
  std::deque<fs::path> left;
  const fs::path whole(path);
  left.assign(whole.begin(), whole.end());
  fs::path at = "/";
  std::error_code error;
  while (!left.empty() && links.size() < most_links) {
    const fs::path part = left.front();
    left.pop_front();
    if (part == "/" || part == "." || part.empty()) continue;
    if (part == "..") {
      at = at.parent_path();
      continue;
    }
    if (!fs::is_symlink(at / part, error)) {
      at /= part;
      continue;
    }
    links.push_back((at / part).string());
    const fs::path target = fs::read_symlink(at / part, error);
    if (target.is_absolute()) at = "/";
    left.insert(left.begin(), target.begin(), target.end());
  }
  return links;
}

}  // namespace sallyport
