// The file system inside: the user's own, without the ways round that lie in it.
#pragma once
#include "proxy/sandbox/sandbox.hpp"

namespace sallyport {

// Acts on the mount namespace of the calling process, needs CAP_SYS_ADMIN in it, and to be process 1 or below in a
// process namespace of its own. Afterwards:
//   - /proc, and whatever else it was mounted at, shows this sandbox only or nothing; /proc/sys and /sys are read-only;
//   - /dev/pts is empty and the sandbox's own, and no other terminal can be opened by its name, nor
//     a keyboard be made;
//   - /run and /dev/shm are empty and the sandbox's own, and what the plan hides is empty and read-only;
//   - unix sockets in the file system that somebody listens on now are covered, but for those that are shared;
//   - resolv.conf and nsswitch.conf lead to Sallyport's DNS;
//   - what the plan says is read-only, and the folders and links that lead to it can't be moved away;
//   - sockets and folders that are shared are mounts of their own.
// All of that by every path that the same file systems are mounted at. A socket that somebody begins to listen on
// later, in a folder that is visible, is not covered: see ConnectSupervisor. `sockets`: see listening_paths().
Outcome<void> make_files(const SandboxPlan& plan, const std::vector<std::string>& sockets);

}  // namespace sallyport
