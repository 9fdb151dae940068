// Which socket of a network namespace a connection is.
#pragma once
#include "proxy/process/connection_ends.hpp"

#include <cstdint>
#include <optional>

namespace sallyport {

// Asks the kernel by `diagnosis`, a NETLINK_SOCK_DIAG socket that was made in that namespace; no privilege is needed.
// nullopt: there is no such connection now, or nobody owns it any more. Blocks as long as a system call does, and for
// one thread at a time.
std::optional<std::uint64_t> socket_inode(int diagnosis, const ConnectionEnds& ends);

}  // namespace sallyport
