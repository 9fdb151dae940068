// The process in the sandbox that connects in the others' stead.
#pragma once
#include "proxy/sandbox/sandbox.hpp"

namespace sallyport {

// A child of this process, in the same namespaces and of the same user, so that files and servers meet whom they would
// have met. Beyond that user it can look into other processes of the sandbox, and into its network; nobody inside can
// look into it. It can be ended from inside: then no connect() works any more, and nothing else changes.
class ConnectSupervisor {
 public:
  // Needs every capability in the user namespace; to be called once the files are ready, before the first thread.
  // `shared`: paths below which whatever listens may be reached; each is a mount of its own.
  static Outcome<ConnectSupervisor> start(const std::vector<std::string>& shared);
  // The listener of a filter that hands it connect(). It is ready on return.
  Outcome<void> take_over(const OwnedFd& listener) const;

 private:
  explicit ConnectSupervisor(OwnedFd channel) : channel_(std::move(channel)) {}
  OwnedFd channel_;
};

}  // namespace sallyport
