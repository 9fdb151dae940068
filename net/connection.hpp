// A socket, or a stream in its place, and the bytes read from it that nobody has understood yet.
#pragma once
#include "net/stream.hpp"
#include "net/task.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace sallyport {

// What sniffing and HTTP read and write through. An idle Connection over a socket holds no buffer. One reader and one
// writer at a time.
class Connection {
 public:
  explicit Connection(Socket open_socket) : socket(std::move(open_socket)) {}
  Connection(std::unique_ptr<Stream> stream, const Executor& executor) : socket(executor), stream_(std::move(stream)) {}

  // Waits for bytes and appends them to unread(); the answer is how many came, at least one. Errors: eof at the peer's
  // end, no_buffer_space where unread() already holds `max_total`, else the socket's own.
  Task<Result<std::size_t>> read_more(std::size_t max_total);

  // Valid until the next read_more or consume.
  std::span<const std::uint8_t> unread() const { return std::span(buffer_).subspan(start_); }
  std::string_view unread_text() const;

  // Forgets the first `size` bytes of unread(); no more than there are.
  void consume(std::size_t size);

  // Writes everything. The bytes must live until it returns.
  Task<Result<void>> write(std::span<const std::uint8_t> bytes);
  Task<Result<void>> write(std::string_view text);

  // Sends the end of what is written; reading goes on.
  void finish();
  // Nothing more will be read: a read that waits ends. What was written still arrives.
  void stop_reading();
  // Both directions end, and reads and writes that wait; nothing is closed yet.
  void cut();
  // Ends both directions; the peer sees a FIN where finish() came before. A read or write that waits ends.
  void close();
  // Ends both directions so that the peer sees it was no orderly end: a RST.
  void abort();
  // Whether an idle connection can still be used: its peer has neither closed it nor spoken out of turn.
  bool is_quiet();
  // Bytes that have come, read or not; of a stream only those that were read.
  std::uint64_t waiting_bytes();
  // As PeerWatch::gone().
  Task<Result<void>> gone(PeerWatch& watch);

  // Over a socket alone: what is passed on unseen may be spliced.
  bool is_plain() const { return !stream_; }

  Socket socket;  // never opened where a stream stands in its place

 private:
  Task<Result<std::size_t>> read_stream(std::size_t max_total);
  std::span<std::uint8_t> room(std::size_t max_total);
  void keep(std::size_t unused);

  std::unique_ptr<Stream> stream_;
  std::vector<std::uint8_t> buffer_;
  std::size_t start_ = 0;
};

// Writes everything to a socket. The bytes must live until it returns.
Task<Result<void>> write_all(Socket& socket, std::span<const std::uint8_t> bytes);
Task<Result<void>> write_all(Socket& socket, std::string_view text);

// Closes it with a reset.
void reset(Socket& socket);

}  // namespace sallyport
