// Which sockets in the file system belong to this network namespace.
#pragma once
#include "proxy/sandbox/sandbox.hpp"

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace sallyport {

// A unix socket with a place in the file system, as the kernel's table has it.
struct BoundSocket {
  std::uint64_t cookie = 0;  // never another socket's
  std::uint32_t number = 0;  // of the socket, as in /proc/PID/fd
  std::uint32_t file = 0;    // the inode it is bound to: of its number the lower half
  friend bool operator==(const BoundSocket&, const BoundSocket&) = default;
};

// Those of one answer of NETLINK_SOCK_DIAG, which is cut off where it isn't whole. `last`: nothing follows it.
struct BoundSockets {
  std::vector<BoundSocket> found;
  bool last = false;
};
BoundSockets read_bound_sockets(std::span<const char> answer);

// For several threads.
class UnixListeners {
 public:
  // `proc`: the folder of this process namespace's processes, which outlives this object.
  explicit UnixListeners(int proc) : proc_(proc) {}

  // Whether a socket of this network namespace made the socket file `file`, which is held open. The table says so only
  // by half a number without its file system, by which one could be taken for another, so the file is compared that the
  // socket itself names: it is taken from a process that holds it (CAP_SYS_PTRACE), and asked (CAP_NET_ADMIN). One that
  // nobody seen from here holds is none.
  bool has(const struct stat& file);

 private:
  using File = std::pair<dev_t, ino_t>;
  bool is_in_table(const File& file);
  std::optional<File> file_of(const BoundSocket& socket);

  int proc_;
  std::mutex access_;
  std::map<std::uint64_t, File> known_;  // by cookie: a socket's file is for life
};

}  // namespace sallyport
