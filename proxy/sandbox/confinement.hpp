// What the command can't do, whoever it is: no capability, no way to gain one, and the system calls that go round.
#pragma once
#include "proxy/sandbox/sandbox.hpp"

namespace sallyport {

// For this process and all it starts, for good. Refused from then on:
//   - sockets but AF_UNIX, INET, INET6 and NETLINK (EAFNOSUPPORT): a vsock or a packet socket knows no namespace;
//   - unix sockets for datagrams (EACCES), with which each datagram may go to another place;
//   - io_uring (ENOSYS), which makes sockets behind the filter's back;
//   - TIOCSTI and TIOCLINUX (EPERM), which type into the terminal;
//   - keyrings, bpf and perf_event_open (EPERM), which are shared with the host;
//   - filters with a listener (EBUSY), which could let go on what this one hands over;
//   - system calls of another architecture (ENOSYS), which the filter can't read: 32-bit programs don't run.
// A user namespace of its own may be made, since browsers need one for their sandbox: in there a process has
// capabilities over what it makes there, and none over this sandbox's network or mounts, which are locked together.
//
// And connect() is done by somebody else: by whoever has the listener that is returned, see ConnectSupervisor. With the
// last copy of it closed, connect() fails (ENOSYS).
Outcome<OwnedFd> confine();

}  // namespace sallyport
