// The attach monitor's own process.
#pragma once
#include <string>

namespace sallyport {

// Gives up all it doesn't need, says so, and answers until the other end of `socket` has gone. See AttachMonitor.
[[noreturn]] void serve_attach(int socket, const std::string& user);

}  // namespace sallyport
