// Notices that a peer has gone while bytes it sent are still unread.
#pragma once
#include "net/task.hpp"

#include <memory>

namespace sallyport {

// One for each io_context, and used on its thread. Must outlive the waits, and die before its io_context.
class PeerWatch {
 public:
  // Throws where the system has no epoll to give.
  explicit PeerWatch(asio::io_context& context);
  ~PeerWatch();
  PeerWatch(const PeerWatch&) = delete;
  PeerWatch& operator=(const PeerWatch&) = delete;

  // Returns when the peer's FIN or RST has arrived, whatever is unread; nothing is read. An error says that it could
  // not be watched (operation_aborted: cancelled); treat it as gone. One wait at a time for a socket, and the socket
  // stays open while it lasts.
  Task<Result<void>> gone(Socket& socket);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace sallyport
