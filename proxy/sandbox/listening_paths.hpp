// Unix sockets that have a place in the file system.
#pragma once
#include "policy/result.hpp"

#include <string>
#include <vector>

namespace sallyport {

// Those of this network namespace and of the processes that are seen from here: containers leave theirs in folders they
// share with the host. With each come all that lie beside it: ssh and others bind a socket under one name and then give
// it another, which no table knows.
Outcome<std::vector<std::string>> listening_paths();

}  // namespace sallyport
