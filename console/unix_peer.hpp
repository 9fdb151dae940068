// Who is at the other end of the admin socket, and whether that is somebody of this host.
#pragma once
#include "policy/result.hpp"

#include <sys/types.h>

#include <string>

namespace sallyport {

// Who may come in: root, the daemon's own user, the socket's owner and its group.
struct UnixDoor {
  uid_t owner = 0;
  gid_t group = 0;
};

struct UnixPeer {
  uid_t uid = 0;
  std::string name;  // of the user; "uid 1234" where it has none
};

// Refuses a peer of another user or network namespace, so that a socket that was shared into a sandbox by mistake opens
// nothing (ADVERSARIES A-09), and users who are neither owner nor group, whatever the file's mode says.
// The complaint says which.
Outcome<UnixPeer> check_unix_peer(int socket, const UnixDoor& door);

}  // namespace sallyport
