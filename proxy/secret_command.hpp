// Runs the operator's command that prints a secret.
#pragma once
#include "policy/result.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace sallyport {

// Blocks until it has ended, for `limit` at most; then it is killed with its process group. It has our environment and
// user, no standard input, a session of its own, and what it says on standard error goes nowhere: it might be the
// secret. The value is the first line of what it prints, which has at most 64 KiB. A complaint is half a sentence, and
// tells nothing of what was printed. Without a "/" in its name the program is looked for in PATH.
Outcome<std::string> run_secret_command(const std::vector<std::string>& arguments, std::chrono::milliseconds limit);

}  // namespace sallyport
