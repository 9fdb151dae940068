// What a command is handed besides its files.
#pragma once
#include "policy/result.hpp"

namespace sallyport {

// A socket outside of the sandbox's network that is connected to one peer, and to no other from inside, is what a pipe
// is. Every other standard socket would be a way out: each datagram may name another receiver, and what isn't connected
// yet can be. So would a directory, or any other place: all of the host's files can be reached from it, past every
// mount inside. Left are files, pipes, terminals and the devices that is_harmless_device() names.
Outcome<void> check_standard_descriptors();

}  // namespace sallyport
