#include "net/memory_stream.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

namespace sallyport {

namespace {

// What one end has written and the other has not read.
struct Direction {
  std::vector<std::uint8_t> buffer;
  std::size_t start = 0;
  enum class End { open, finished, cut };  // cut: its writer has gone without a word
  End end = End::open;
  bool unread = false;  // its reader takes no more

  std::size_t size() const { return buffer.size() - start; }

  void consume(std::size_t count) {
    start += std::min(count, size());
    if (start == buffer.size()) clear();
  }

  // It never holds more than `most`, nor room for more.
  void append(std::span<const std::uint8_t> bytes, std::size_t most) {
    if (start > 0 && buffer.size() + bytes.size() > buffer.capacity()) {
      buffer.erase(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(start));
      start = 0;
    }
    const std::size_t needed = buffer.size() + bytes.size();
    if (needed > buffer.capacity()) buffer.reserve(std::min(most, std::max(needed, 2 * buffer.capacity())));
    buffer.insert(buffer.end(), bytes.begin(), bytes.end());
  }

  void clear() {
    std::vector<std::uint8_t>().swap(buffer);
    start = 0;
  }
};

// Somebody who may be waiting. The timer never fires; waking cancels it.
struct Waiter {
  std::optional<Timer> never;

  void wake() {
    if (never) never->cancel();
  }
};

struct Side {
  Waiter reader;
  Waiter writer;
  Waiter watcher;  // of the peer's leaving
  std::function<void()> changed;
  bool present = true;
  error_code broken;  // what this side's reads and writes end with
  bool by_peer = false;

  void wake() {
    reader.wake();
    writer.wake();
    watcher.wake();
  }
};

}  // namespace

struct MemoryStream::Shared {
  Shared(const Executor& its_executor, std::size_t its_capacity) : executor(its_executor), capacity(its_capacity) {}

  Side& own(int side) { return sides[static_cast<std::size_t>(side)]; }
  Side& peer(int side) { return sides[static_cast<std::size_t>(1 - side)]; }
  Direction& out(int side) { return written[static_cast<std::size_t>(side)]; }
  Direction& in(int side) { return written[static_cast<std::size_t>(1 - side)]; }

  bool may_write(int side) { return out(side).end == Direction::End::open && !out(side).unread; }

  std::size_t append(int side, std::span<const std::uint8_t> bytes) {
    if (own(side).broken || !may_write(side)) return 0;
    const std::size_t size = std::min(bytes.size(), capacity - out(side).size());
    if (size == 0) return 0;
    out(side).append(bytes.first(size), capacity);
    peer(side).reader.wake();
    tell_peer(side);
    return size;
  }

  void consume(int side, std::size_t size) {
    in(side).consume(size);
    peer(side).writer.wake();
    tell_peer(side);
  }

  void finish(int side) {
    if (own(side).broken || out(side).end != Direction::End::open) return;
    out(side).end = Direction::End::finished;
    peer(side).reader.wake();
    peer(side).watcher.wake();
    own(side).writer.wake();
    tell_peer(side);
  }

  void stop_reading(int side) {
    in(side).unread = true;
    in(side).clear();
    own(side).reader.wake();
    peer(side).writer.wake();
    tell_peer(side);
  }

  void abort(int side, error_code why) {
    if (own(side).broken) return;
    own(side).broken = asio::error::operation_aborted;
    peer(side).broken = why;
    peer(side).by_peer = true;
    for (Direction& direction : written) direction.clear();
    for (Side& each : sides) each.wake();
    tell_peer(side);
  }

  void leave(int side) {
    if (!own(side).present) return;
    own(side).present = false;
    if (out(side).end == Direction::End::open) out(side).end = Direction::End::cut;
    in(side).unread = true;
    in(side).clear();
    for (Side& each : sides) each.wake();
    tell_peer(side);
  }

  void tell_peer(int side) {
    if (peer(side).changed) peer(side).changed();
  }

  // False: cancelled.
  static Task<bool> wait(std::shared_ptr<Shared> shared, Waiter& waiter) {
    waiter.never.emplace(shared->executor, Timer::time_point::max());
    const auto [error] = co_await waiter.never->async_wait(no_throw);
    static_cast<void>(error);  // woken and cancelled look the same
    const auto state = co_await asio::this_coro::cancellation_state;
    co_return state.cancelled() == asio::cancellation_type::none;
  }

  Executor executor;
  std::size_t capacity;
  std::array<Side, 2> sides;
  std::array<Direction, 2> written;
};

MemoryStream::MemoryStream(std::shared_ptr<Shared> shared, int side) : shared_(std::move(shared)), side_(side) {}

MemoryStream::~MemoryStream() {
  shared_->own(side_).changed = nullptr;
  shared_->leave(side_);
}

MemoryStream::Pair MemoryStream::make_pair(const Executor& executor, std::size_t capacity) {
  const auto shared = std::make_shared<Shared>(executor, std::max<std::size_t>(capacity, 1));
  return {std::unique_ptr<MemoryStream>(new MemoryStream(shared, 0)),
          std::unique_ptr<MemoryStream>(new MemoryStream(shared, 1))};
}

// What the coroutines keep they hold by themselves: the end may be destroyed while they wait for nothing more.
Task<Result<std::size_t>> MemoryStream::read_some(std::span<std::uint8_t> into) {
  const auto shared = shared_;
  const int side = side_;
  for (;;) {
    if (shared->own(side).broken) co_return shared->own(side).broken;
    const Direction& in = shared->in(side);
    if (in.unread) co_return error_code(asio::error::operation_aborted);
    if (in.size() > 0 || into.empty()) {
      const std::size_t size = std::min(into.size(), in.size());
      std::copy_n(in.buffer.begin() + static_cast<std::ptrdiff_t>(in.start), size, into.begin());
      if (size > 0) shared->consume(side, size);
      co_return size;
    }
    if (in.end == Direction::End::finished) co_return error_code(asio::error::eof);
    if (in.end == Direction::End::cut) co_return error_code(asio::error::connection_reset);
    const bool goes_on = co_await Shared::wait(shared, shared->own(side).reader);
    if (!goes_on) co_return error_code(asio::error::operation_aborted);
  }
}

Task<Result<void>> MemoryStream::write(std::span<const std::uint8_t> bytes) {
  const auto shared = shared_;
  const int side = side_;
  for (;;) {
    if (shared->own(side).broken) co_return shared->own(side).broken;
    if (!shared->may_write(side)) co_return error_code(asio::error::broken_pipe);
    bytes = bytes.subspan(shared->append(side, bytes));
    if (bytes.empty()) co_return Result<void>();
    const bool goes_on = co_await Shared::wait(shared, shared->own(side).writer);
    if (!goes_on) co_return error_code(asio::error::operation_aborted);
  }
}

void MemoryStream::finish() {
  shared_->finish(side_);
}

void MemoryStream::abort() {
  shared_->abort(side_, asio::error::connection_reset);
}

void MemoryStream::abort(error_code why) {
  shared_->abort(side_, why);
}

void MemoryStream::stop_reading() {
  shared_->stop_reading(side_);
}

void MemoryStream::close() {
  shared_->leave(side_);
}

bool MemoryStream::is_quiet() {
  const Direction& in = shared_->in(side_);
  return has_reader() && in.size() == 0 && in.end == Direction::End::open;
}

Task<Result<void>> MemoryStream::gone(PeerWatch&) {
  return peer_gone();
}

Task<Result<void>> MemoryStream::peer_gone() {
  const auto shared = shared_;
  const int side = side_;
  for (;;) {
    const Side& own = shared->own(side);
    if (own.broken && !own.by_peer) co_return own.broken;
    if (!own.present) co_return error_code(asio::error::operation_aborted);
    if (own.broken || shared->in(side).end != Direction::End::open) co_return Result<void>();
    const bool goes_on = co_await Shared::wait(shared, shared->own(side).watcher);
    if (!goes_on) co_return error_code(asio::error::operation_aborted);
  }
}

std::span<const std::uint8_t> MemoryStream::readable() const {
  const Direction& in = shared_->in(side_);
  return std::span(in.buffer).subspan(in.start);
}

void MemoryStream::consume(std::size_t size) {
  if (size > 0) shared_->consume(side_, size);
}

std::size_t MemoryStream::write_now(std::span<const std::uint8_t> bytes) {
  return shared_->append(side_, bytes);
}

bool MemoryStream::at_end() const {
  const Direction& in = shared_->in(side_);
  return !shared_->own(side_).broken && in.end == Direction::End::finished && in.size() == 0;
}

bool MemoryStream::is_broken() const {
  const Direction& in = shared_->in(side_);
  return shared_->own(side_).broken || (in.end == Direction::End::cut && in.size() == 0);
}

bool MemoryStream::has_reader() const {
  return !shared_->own(side_).broken && shared_->may_write(side_);
}

bool MemoryStream::has_peer() const {
  return shared_->peer(side_).present;
}

void MemoryStream::on_change(std::function<void()> changed) {
  shared_->own(side_).changed = std::move(changed);
}

}  // namespace sallyport
