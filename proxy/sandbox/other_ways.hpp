// How else a file may be reached than by its own path.
#pragma once
#include <string>
#include <vector>

namespace sallyport {

// What is mounted where, as the calling process sees it now.
class OtherWays {
 public:
  OtherWays();
  // Other paths of the file or folder at `path`, which is absolute and without links; in what order is no matter.
  std::vector<std::string> to(const std::string& path) const;
  // Where a whole file system of this type ("proc") is mounted.
  std::vector<std::string> of_type(const std::string& type) const;
  // Where something is mounted at `path` or below it.
  std::vector<std::string> points_below(const std::string& path) const;

 private:
  struct Mounted {
    std::string device, root, point, type;  // "8:1", what of that file system, and where
  };
  const Mounted* holding(const std::string& path) const;

  std::vector<Mounted> mounted_;  // later ones cover earlier ones
};

// The symbolic links that `path` goes through, each by a path without links. Who turns one leads `path` elsewhere.
std::vector<std::string> links_on(const std::string& path);

}  // namespace sallyport
