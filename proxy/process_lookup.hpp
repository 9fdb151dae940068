// Finding the program behind a connection, for a thread that must not wait for /proc.
#pragma once
#include "net/task.hpp"
#include "proxy/process/find_owner.hpp"

#include <boost/asio/thread_pool.hpp>

#include <optional>

namespace sallyport {

// One for each thread that serves: it has one more, which is started by the first question. Dies before the io_context
// of those who ask.
class ProcessLookup {
 public:
  // How long a connection may wait for it; an answer that comes later is as good as none.
  static constexpr auto patience = std::chrono::seconds(1);

  ProcessLookup() = default;
  ProcessLookup(const ProcessLookup&) = delete;
  ProcessLookup& operator=(const ProcessLookup&) = delete;

  Task<std::optional<ProcessInfo>> find(OwnerFinder finder, ConnectionEnds ends);

 private:
  struct Question;
  void begin(const std::shared_ptr<Question>& question, OwnerFinder finder, const ConnectionEnds& ends);

  std::optional<asio::thread_pool> searching_;
};

}  // namespace sallyport
