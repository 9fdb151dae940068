#include "net/mover.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <limits>

namespace sallyport {

namespace {

using How = PumpEnd::How;

// After this much a pump waits for readiness again, so that a fast tunnel doesn't keep the thread from the others.
constexpr std::uint64_t bytes_per_turn = 1 << 20;
constexpr std::uint64_t bytes_per_splice = 1 << 20;
constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

}  // namespace

Mover::Mover(Socket& from, Socket& to, PipePool& pipes, std::uint64_t& moved, std::optional<std::uint64_t> limit)
    : from_(from), to_(to), pipes_(pipes), moved_(moved), left_(limit.value_or(unlimited)) {}

Mover::Step Mover::run() {
  const std::uint64_t stop = moved_ + bytes_per_turn;
  Step next = step(true);
  while (next == Step::moved && (moved_ < stop || (lease_ && lease_->held > 0))) next = step(false);
  if (next != Step::wait_to_write) lease_.reset();
  return next == Step::moved ? Step::wait_to_read : next;
}

Mover::Step Mover::step(bool first) {
  if (lease_ && lease_->held > 0) return drain();
  if (left_ == 0) return look_past_limit();
  if (!may_splice_) return copy();
  const Step next = take();
  // Readable, yet nothing to splice: an urgent mark stops splice() for good, while a plain read steps over it. Waiting
  // again would spin.
  return first && next == Step::wait_to_read ? copy() : next;
}

Mover::Step Mover::take() {
  if (!lease_) {
    PipeLease lease = pipes_.borrow();
    if (!lease) return copy();
    lease_.emplace(std::move(lease));
  }
  const auto wanted = static_cast<std::size_t>(std::min(left_, bytes_per_splice));
  const ssize_t got =
      ::splice(from_.native_handle(), nullptr, lease_->in(), nullptr, wanted, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (got > 0) {
    lease_->held = static_cast<std::size_t>(got);
    left_ -= lease_->held;
    return Step::moved;
  }
  if (got == 0) return finish(How::end_of_file);
  if (errno == EAGAIN) return Step::wait_to_read;
  if (errno == EINTR) return Step::moved;
  if (errno != EINVAL) return finish(How::read_failed, errno);
  may_splice_ = false;
  return copy();
}

Mover::Step Mover::drain() {
  const ssize_t put =
      ::splice(lease_->out(), nullptr, to_.native_handle(), nullptr, lease_->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (put > 0) {
    lease_->held -= static_cast<std::size_t>(put);
    moved_ += static_cast<std::uint64_t>(put);
    return Step::moved;
  }
  if (put == 0) return finish(How::write_failed, EIO);
  if (errno == EAGAIN) return Step::wait_to_write;
  if (errno == EINTR) return Step::moved;
  return finish(How::write_failed, errno);
}

// Looks, writes, and only then takes what was written: so nothing is in hand when the other side would block.
Mover::Step Mover::copy() {
  const std::span<std::uint8_t> buffer = pipes_.scratch();
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left_, buffer.size()));
  const ssize_t seen = ::recv(from_.native_handle(), buffer.data(), wanted, MSG_PEEK | MSG_DONTWAIT);
  if (seen == 0) return finish(How::end_of_file);
  if (seen < 0 && errno == EAGAIN) return Step::wait_to_read;
  if (seen < 0) return errno == EINTR ? Step::moved : finish(How::read_failed, errno);

  const ssize_t put =
      ::send(to_.native_handle(), buffer.data(), static_cast<std::size_t>(seen), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (put < 0 && errno == EAGAIN) return Step::wait_to_write;
  if (put < 0) return errno == EINTR ? Step::moved : finish(How::write_failed, errno);

  moved_ += static_cast<std::uint64_t>(put);
  left_ -= static_cast<std::uint64_t>(put);
  for (ssize_t taken = 0; taken < put;) {
    const ssize_t got =
        ::recv(from_.native_handle(), buffer.data(), static_cast<std::size_t>(put - taken), MSG_TRUNC | MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return finish(How::read_failed, got < 0 ? errno : EIO);
    taken += got;
  }
  return Step::moved;
}

Mover::Step Mover::look_past_limit() {
  std::uint8_t byte;
  const ssize_t seen = ::recv(from_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (seen > 0) return finish(How::limit);
  if (seen == 0) return finish(How::end_of_file);
  return errno == EAGAIN || errno == EINTR ? Step::wait_to_read : finish(How::read_failed, errno);
}

Mover::Step Mover::finish(How how, int error) {
  end.how = error == ENOMEM || error == ENOBUFS ? How::no_resources : how;
  if (error != 0) end.error.assign(error, boost::system::system_category());
  return Step::end;
}

}  // namespace sallyport
