// Replaces a small secret file in one step.
#pragma once
#include <string>
#include <string_view>

namespace sallyport {

// Writes `text` beside `path` (0600, never through a link), syncs it and renames it over `path`. False: nothing
// changed.
bool save_secret_file(const std::string& path, std::string_view text);

}  // namespace sallyport
