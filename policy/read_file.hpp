// The only I/O of this room: policy, list and token files at load; and program.hpp's identify_file().
#pragma once
#include "policy/result.hpp"

#include <string>

namespace sallyport {

// The whole file, at most 1 GiB. Complaints: "cannot read PATH: why".
Outcome<std::string> read_file(const std::string& path);

}  // namespace sallyport
