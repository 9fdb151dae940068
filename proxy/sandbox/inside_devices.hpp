// What /dev is inside: a few harmless devices, terminals of its own and shared memory of its own. Others may lead past
// any network: to the host's virtual machines (vhost-vsock), to a keyboard that answers questions (uinput), to screens.
#pragma once
#include <sys/types.h>

namespace sallyport {

// Those that keep, tell and send nothing, and /dev/tty.
bool is_harmless_device(dev_t device);

// Throw MountFault. What is shared is put back in between.
void make_own_devices();
void close_own_devices();
// Where all of /dev is shared: no other terminals all the same.
void make_own_terminals_and_memory();

}  // namespace sallyport
