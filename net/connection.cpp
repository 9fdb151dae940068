#include "net/connection.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace sallyport {

namespace {

constexpr std::size_t read_chunk = 16 << 10;

std::span<const std::uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

std::string_view Connection::unread_text() const {
  const auto bytes = unread();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void Connection::consume(std::size_t size) {
  start_ += std::min(size, buffer_.size() - start_);
  if (start_ < buffer_.size()) return;
  std::vector<std::uint8_t>().swap(buffer_);
  start_ = 0;
}

Task<Result<std::size_t>> Connection::read_more(std::size_t max_total) {
  if (unread().size() >= max_total) co_return error_code(asio::error::no_buffer_space);
  for (;;) {
    // Readiness first: the buffer grows only when there is something to put into it.
    const auto [waited] = co_await socket.async_wait(Socket::wait_read, no_throw);
    if (waited) co_return waited;
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(start_));
    start_ = 0;
    const std::size_t before = buffer_.size();
    buffer_.resize(before + std::min(read_chunk, max_total - before));
    const ssize_t got = ::recv(socket.native_handle(), buffer_.data() + before, buffer_.size() - before, MSG_DONTWAIT);
    const int fault = errno;
    buffer_.resize(before + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got > 0) co_return static_cast<std::size_t>(got);
    if (got == 0) co_return error_code(asio::error::eof);
    if (fault != EAGAIN && fault != EINTR) co_return error_code(fault, boost::system::system_category());
  }
}

Task<Result<void>> Connection::write(std::span<const std::uint8_t> bytes) {
  return write_all(socket, bytes);
}

Task<Result<void>> Connection::write(std::string_view text) {
  return write_all(socket, as_bytes(text));
}

Task<Result<void>> write_all(Socket& socket, std::span<const std::uint8_t> bytes) {
  const auto [error, size] = co_await asio::async_write(socket, asio::buffer(bytes.data(), bytes.size()), no_throw);
  if (error) co_return error;
  co_return Result<void>();
}

Task<Result<void>> write_all(Socket& socket, std::string_view text) {
  return write_all(socket, as_bytes(text));
}

}  // namespace sallyport
