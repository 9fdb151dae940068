// What a process looks like in lists of processes.
#pragma once
#include <string>

namespace sallyport {

// In the place of its whole command line, which may hold words by which somebody looks for another process. `name` has
// at most 15 bytes.
void show_process_as(const std::string& name);

}  // namespace sallyport
