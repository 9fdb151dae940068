// Reads and makes files that hold keys, or that others will trust.
#pragma once
#include "policy/result.hpp"

#include <string>
#include <string_view>

namespace sallyport {

enum class Links { refused, followed };

struct FileGuard {
  unsigned forbidden_mode = 0;  // permission bits that nobody may have
  Links links = Links::refused;
};

// The whole file, at most 1 MiB. A complaint where it is no regular file, or open to those whom the guard forbids: then
// it may have been read or changed by them.
Outcome<std::string> read_guarded(const std::string& path, FileGuard guard);

// Writes a new file `name` into the open folder: whole and on disk, or not at all. It belongs to the folder's owner,
// also where root makes it. Nothing is replaced but what an earlier attempt left behind.
Outcome<void> write_beside(int folder, const std::string& name, unsigned mode, std::string_view text);

}  // namespace sallyport
