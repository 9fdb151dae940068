// Which program opened a connection.
#pragma once
#include "net/task.hpp"
#include "policy/program.hpp"
#include "proxy/process/connection_ends.hpp"
#include "telemetry/event.hpp"

#include <sys/types.h>

#include <functional>
#include <optional>
#include <vector>

namespace sallyport {

// Whose processes are looked at: not the whole host's.
struct SearchPlace {
  std::vector<pid_t> roots;             // these and what descends from them
  std::optional<FileIdentity> network;  // of those, only who is in this network namespace
};

// Who holds this connection now. A socket is handed down by fork, seldom up, so of several who hold it the one that
// began first is taken; where they are not all one program, or not all could be looked at in time, ProcessInfo::inode
// stays 0, and no allow with `exe` matches. A process may start another program and keep its sockets: this narrows
// what an honest program's connections may reach, and is no boundary.
//
// nullopt: not found. A client that has ended, closed the connection, or is handing it to somebody at this moment is
// not found. `diagnosis` as for socket_inode(). Reads /proc; blocks until `until` at most, so not for a thread that
// serves connections.
std::optional<ProcessInfo> find_owner(int diagnosis, const SearchPlace& place, const ConnectionEnds& ends,
                                      Clock::time_point until);

// How the programs behind one door are found. Blocks until then at most, for one thread at a time.
using OwnerFinder = std::function<std::optional<ProcessInfo>(const ConnectionEnds& ends, Clock::time_point until)>;

// By this process itself: for a sandbox of its own user. Takes over `diagnosis`.
OwnerFinder find_owners(int diagnosis, const SearchPlace& place);

}  // namespace sallyport
