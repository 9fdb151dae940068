// Who a command runs as, where `run` was started by root: somebody without privileges of this host.
#pragma once
#include <string>

namespace sallyport {

// Where the defaults of an unprivileged user's configuration come from, and no variable of the command's own.
struct RunUser {
  std::string name;
  std::string state, policy;  // folder for what `run` keeps; the default policy file
  std::string said;           // a word about it; empty: nothing has changed
};

// Started as root: becomes who asked sudo, else nobody, for good, with HOME, USER and LOGNAME as theirs. Throws
// std::runtime_error where that can't be.
RunUser become_run_user();

}  // namespace sallyport
