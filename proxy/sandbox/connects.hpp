// What becomes of a connect() inside the sandbox.
#pragma once
#include "proxy/sandbox/caller.hpp"
#include "proxy/sandbox/notifications.hpp"
#include "proxy/sandbox/patient_connect.hpp"
#include "proxy/sandbox/shared_mounts.hpp"
#include "proxy/sandbox/unix_listeners.hpp"

#include <string>

namespace sallyport {

// The same for all threads that serve.
struct ConnectRules {
  // `shared`: paths below which whatever listens may be reached; sockets that are to be are mounts of their own.
  explicit ConnectRules(const std::vector<std::string>& shared);

  const OwnedFd proc;             // the folder of all processes
  const OwnedFd own_descriptors;  // /proc/self/fd
  const SharedMounts shared_mounts;
  UnixListeners listeners;
};

// Does connects for others, one at a time, on the thread that made it: that has a root and a working directory of its
// own then.
//
// The caller's address is read once, its descriptor taken as a copy, and the call made with these: whatever the caller
// does to either meanwhile changes nothing. A socket of another network namespace, inherited say, connects nowhere
// (EACCES). A unix socket connects to a place in the file system only where what listens there is of this network
// namespace, or shared, and to the very file that was looked at; EACCES otherwise, at which programs don't take
// the socket for a dead one and remove it. The peer is told of the user as ever, but of this process as the one that
// connects.
class Connects {
 public:
  Connects(ConnectRules& rules, int listener);
  // Serves one call. false: none ever comes again.
  bool wait();
  void serve();

 private:
  int result_of(const seccomp_notif& call);
  int connect_to_path(int socket, const std::string& path, const Caller& caller);
  bool may_be_reached(const OwnedFd& place, const struct stat& found) const;
  int connect(int socket, const sockaddr* to, socklen_t size, const Caller& caller);

  ConnectRules& rules_;
  Notifications notifications_;
  PatientConnect patient_;
  seccomp_notif call_{};
};

}  // namespace sallyport
