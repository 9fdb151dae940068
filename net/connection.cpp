#include "net/connection.hpp"

#include "net/peer_gone.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>
#include <sys/ioctl.h>
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

// Where the next bytes go: behind what is unread.
std::span<std::uint8_t> Connection::room(std::size_t max_total) {
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(start_));
  start_ = 0;
  const std::size_t before = buffer_.size();
  buffer_.resize(before + std::min(read_chunk, max_total - before));
  return std::span(buffer_).subspan(before);
}

void Connection::keep(std::size_t unused) {
  buffer_.resize(buffer_.size() - unused);
}

Task<Result<std::size_t>> Connection::read_more(std::size_t max_total) {
  if (unread().size() >= max_total) co_return error_code(asio::error::no_buffer_space);
  if (stream_) {
    const auto got = co_await read_stream(max_total);
    co_return got;
  }
  for (;;) {
    // Readiness first: the buffer grows only when there is something to put into it.
    const auto [waited] = co_await socket.async_wait(Socket::wait_read, no_throw);
    if (waited) co_return waited;
    const auto into = room(max_total);
    const ssize_t got = ::recv(socket.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
    const int fault = errno;
    keep(into.size() - (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got > 0) co_return static_cast<std::size_t>(got);
    if (got == 0) co_return error_code(asio::error::eof);
    if (fault != EAGAIN && fault != EINTR) co_return error_code(fault, boost::system::system_category());
  }
}

Task<Result<std::size_t>> Connection::read_stream(std::size_t max_total) {
  // A read that is cancelled throws past us: what it was given is then no part of unread(). Nor is it touched before
  // something comes: many requests wait so, and untouched it costs no memory.
  const std::size_t size = std::min(read_chunk, max_total - unread().size());
  const std::unique_ptr<std::uint8_t[]> bytes(new std::uint8_t[size]);
  const std::span<std::uint8_t> into(bytes.get(), size);
  const auto got = co_await stream_->read_some(into);
  if (!got) co_return got.error();
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(start_));
  start_ = 0;
  buffer_.insert(buffer_.end(), bytes.get(), bytes.get() + *got);
  co_return *got;
}

Task<Result<void>> Connection::write(std::span<const std::uint8_t> bytes) {
  if (stream_) return stream_->write(bytes);
  return write_all(socket, bytes);
}

Task<Result<void>> Connection::write(std::string_view text) {
  return write(as_bytes(text));
}

void Connection::finish() {
  if (stream_) return stream_->finish();
  error_code ignored;
  socket.shutdown(Socket::shutdown_send, ignored);
}

void Connection::stop_reading() {
  if (stream_) return stream_->stop_reading();
  error_code ignored;
  socket.shutdown(Socket::shutdown_receive, ignored);
}

void Connection::cut() {
  if (stream_) return stream_->abort();
  error_code ignored;
  socket.shutdown(Socket::shutdown_both, ignored);
}

void Connection::close() {
  if (stream_) return stream_->close();
  error_code ignored;
  socket.close(ignored);
}

void Connection::abort() {
  if (stream_) return stream_->abort();
  reset(socket);
}

bool Connection::is_quiet() {
  if (!unread().empty()) return false;
  if (stream_) return stream_->is_quiet();
  char byte = 0;
  const ssize_t got = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EINTR);
}

std::uint64_t Connection::waiting_bytes() {
  int in_kernel = 0;
  if (stream_ || ::ioctl(socket.native_handle(), FIONREAD, &in_kernel) != 0) in_kernel = 0;
  return unread().size() + static_cast<std::uint64_t>(in_kernel);
}

Task<Result<void>> Connection::gone(PeerWatch& watch) {
  if (stream_) return stream_->gone(watch);
  return watch.gone(socket);
}

Task<Result<void>> write_all(Socket& socket, std::span<const std::uint8_t> bytes) {
  const auto [error, size] = co_await asio::async_write(socket, asio::buffer(bytes.data(), bytes.size()), no_throw);
  if (error) co_return error;
  co_return Result<void>();
}

Task<Result<void>> write_all(Socket& socket, std::string_view text) {
  return write_all(socket, as_bytes(text));
}

void reset(Socket& socket) {
  error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

}  // namespace sallyport
