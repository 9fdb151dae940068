// Tells the service manager how we are, without libsystemd.
#pragma once
#include "net/task.hpp"

#include <string_view>

namespace sallyport {

// Sends lines such as "READY=1" or "STOPPING=1\nSTATUS=draining" to $NOTIFY_SOCKET (sd_notify(3)).
// Success where there is no such variable: then nobody wants to know.
Result<void> sd_notify(std::string_view state);

}  // namespace sallyport
