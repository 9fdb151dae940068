// Programs by their names, for questions about a policy away from the machine it is for.
#pragma once
#include "policy/program.hpp"

namespace sallyport {

// Whoever is called the same is the same. A FileIdentifier for Policy::load().
std::optional<FileIdentity> identify_by_name(const std::string& path);

}  // namespace sallyport
