// The command's own terminal, as the first process sees it.
#pragma once
#include "proxy/sandbox/sandbox.hpp"

namespace sallyport {

// Opens a terminal of the sandbox's own /dev/pts (see make_files()), makes it that of this process's session, which is
// made too, and puts it in the place of every standard descriptor that was a terminal. What is returned is for who
// holds the real one; `jobs` becomes this process's end.
Outcome<SandboxTerminal> make_terminal(OwnedFd& jobs);

// Whether the command should begin in its foreground; to be asked before make_terminal().
bool begins_in_foreground();
// Of the terminal that make_terminal() made. `group` is a process group on it.
bool is_in_foreground(pid_t group);
void put_in_foreground(pid_t group);

// For a command without a terminal: no standard descriptor is one, and neither is /dev/tty.
Outcome<void> forget_terminal();

}  // namespace sallyport
