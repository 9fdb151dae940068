// A file that a command writes for someone: never over one that is there.
#pragma once
#include "policy/result.hpp"

#include <fstream>
#include <memory>
#include <string>

namespace sallyport {

// Fails where `path` exists: a log or a policy is not written over by a slip of the hand. Others can't read it (0600).
Outcome<std::unique_ptr<std::ofstream>> open_output(const std::string& path);

}  // namespace sallyport
