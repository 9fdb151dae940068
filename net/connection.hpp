// A socket and the bytes read from it that nobody has understood yet.
#pragma once
#include "net/task.hpp"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace sallyport {

// What sniffing and HTTP read and write through. An idle Connection holds no buffer. One reader and one writer at a
// time.
class Connection {
 public:
  explicit Connection(Socket open_socket) : socket(std::move(open_socket)) {}

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

  Socket socket;

 private:
  std::vector<std::uint8_t> buffer_;
  std::size_t start_ = 0;
};

// Writes everything to a socket. The bytes must live until it returns.
Task<Result<void>> write_all(Socket& socket, std::span<const std::uint8_t> bytes);
Task<Result<void>> write_all(Socket& socket, std::string_view text);

}  // namespace sallyport
