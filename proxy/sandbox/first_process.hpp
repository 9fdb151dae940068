// Process 1 of a sandbox: makes the network and the files, then starts the command and waits for its end.
#pragma once
#include "proxy/sandbox/sandbox.hpp"

namespace sallyport {

// What goes over the channel. To the first process: go (twice: the ids are mapped; the command may start) and signal or
// group_signal, with its number. From it: sockets, with the descriptors, and terminal, where there is one, once all is
// ready; or failed, with a sentence.
enum class Word : char { go = 'g', signal = 's', group_signal = 'p', sockets = 'd', terminal = 't', failed = 'e' };

// Exit status: the command's.
[[noreturn]] void be_first_process(const SandboxPlan& plan, const std::vector<std::string>& sockets, int channel);

}  // namespace sallyport
