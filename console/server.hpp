// The admin API and the console: a thread of its own behind a unix socket and TCP (DESIGN section 11).
#pragma once
#include "console/backend.hpp"
#include "console/limits.hpp"
#include "console/listeners.hpp"

#include <memory>
#include <string>
#include <vector>

namespace sallyport {

struct AdminOptions {
  std::string data;                     // the data directory: admin.token, tokens.json
  std::vector<std::string> host_names;  // by which browsers may call the console besides its addresses; lower-case
  AdminLimits limits;
};

// Any thread, unless said otherwise.
class AdminServer {
 public:
  // Takes the listeners, which were opened while there were privileges, and begins to serve in its own thread; so it is
  // made after the daemon became who it stays, and after the last fork. What `backend` refers to outlives this.
  static Outcome<std::unique_ptr<AdminServer>> begin(AdminListeners listeners, Backend backend, AdminOptions options);
  // As stop().
  ~AdminServer();

  // Closes every connection and ends the threads. The unix socket's file goes, where its folder allows that.
  void stop();

  // Live connections came or went; cheap, may be called for each.
  void connections_changed();
  // The policy was replaced, an agent was attached: something that a watcher may want to ask about anew.
  void publish(std::string_view name, std::string_view json);

  // "http://127.0.0.1:9180/#token=…" for each address, for the person at the terminal; without the fragment where the
  // first token is gone. `data`/admin.token holds it.
  std::vector<std::string> addresses() const;
  // host:port of the TCP listeners, as they were opened.
  const std::vector<TcpListen>& tcp() const;

  struct Impl;

 private:
  explicit AdminServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sallyport
