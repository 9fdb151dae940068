// A network namespace that somebody else made, and how to know it again.
#pragma once
#include "net/descriptor.hpp"
#include "policy/result.hpp"

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

namespace sallyport {

// One of the two ways to name it.
struct NamespacePlace {
  std::string path;  // absolute; empty: by `pid`
  pid_t pid = 0;
  friend bool operator==(const NamespacePlace&, const NamespacePlace&) = default;
};

struct NamespaceIdentity {
  std::uint64_t device = 0, inode = 0;  // of its file: given again once the namespace has gone
  std::uint64_t cookie = 0;             // SO_NETNS_COOKIE: given once in the life of a kernel; 0: an older kernel
  std::uint64_t began = 0;  // of a process that was named: ticks from boot to its start; of a path: when its file came
                            // to be, in nanoseconds
  friend bool operator==(const NamespaceIdentity&, const NamespaceIdentity&) = default;
};

// Open namespaces, and whoever keeps one alive.
struct OpenNamespace {
  std::unique_ptr<Descriptor> file;
  std::unique_ptr<Descriptor> process;  // a pidfd, where it was named by a process
  NamespaceIdentity identity;           // without the cookie: that is asked inside
};

// An error where there is none, or it is something else. Opens nothing that is no namespace's file.
Outcome<OpenNamespace> open_namespace(const NamespacePlace& place);

// Goes in for as long as it lives. A thread that can't come back ends the process: it must not go on in there.
class InsideNamespace {
 public:
  static Outcome<std::unique_ptr<InsideNamespace>> enter(const Descriptor& file);
  ~InsideNamespace();
  InsideNamespace(const InsideNamespace&) = delete;
  InsideNamespace& operator=(const InsideNamespace&) = delete;

 private:
  explicit InsideNamespace(int home) : home_(home) {}
  Descriptor home_;
};

// The identity of the namespace this thread is in, but for `began`.
Outcome<NamespaceIdentity> own_namespace();
// SO_NETNS_COOKIE of the namespace this thread is in; 0 where the kernel has none.
std::uint64_t own_cookie();

}  // namespace sallyport
