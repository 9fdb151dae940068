// A two-way flow of bytes that is not a plain socket: TLS over one, or one request of an HTTP/2 connection.
#pragma once
#include "net/task.hpp"

#include <cstdint>
#include <span>

namespace sallyport {

class PeerWatch;

// One reader and one writer at a time, on one thread. Every wait obeys cancellation and ends with operation_aborted
// when the stream is aborted.
class Stream {
 public:
  Stream() = default;
  virtual ~Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Waits for at least one byte; `into` lives until it returns. Errors: eof at the peer's orderly end, else what broke.
  virtual Task<Result<std::size_t>> read_some(std::span<std::uint8_t> into) = 0;
  // Writes everything, as fast as the peer takes it. The bytes live until it returns.
  virtual Task<Result<void>> write(std::span<const std::uint8_t> bytes) = 0;
  // Nothing more will be written; what was still arrives, and reading goes on.
  virtual void finish() = 0;
  // Ends both directions at once, and the peer sees that it was no orderly end.
  virtual void abort() = 0;

  // Nothing more will be read: a read that waits ends with an error. What is written still arrives.
  virtual void stop_reading() { abort(); }
  // Ends it once there is nothing more to say; what was written arrives where finish() came before.
  virtual void close() { abort(); }
  // False where it has been closed by the other side, or something can be read that nobody has asked for.
  virtual bool is_quiet() { return false; }
  // Returns when the peer has gone, whatever is unread; nothing is read. Where that can't be noticed it waits until it
  // is cancelled. As PeerWatch::gone().
  virtual Task<Result<void>> gone(PeerWatch& watch);
};

}  // namespace sallyport
