// Descriptors of other processes, of which one gets a copy: the same socket, under a number of its own.
#pragma once
#include "proxy/sandbox/sandbox.hpp"

#include <cstdint>

namespace sallyport {

// Holds on to one thread, or where the kernel can't (before 6.9) to the process it is of. Invalid: there is none.
OwnedFd hold_thread(int proc, pid_t thread);

// Needs CAP_SYS_PTRACE over it. Invalid, with errno: EBADF where it has no such descriptor.
OwnedFd take_descriptor(int thread, int number);

// A socket by its number in /proc/PID/fd, from the first process of the folder `proc` that holds it.
OwnedFd take_socket_from_anybody(int proc, std::uint64_t socket);

}  // namespace sallyport
