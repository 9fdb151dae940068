#include "net/pipe_pool.hpp"

#include <csignal>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace sallyport {

namespace {
constexpr std::size_t scratch_bytes = 64 << 10;
}

PipeLease::PipeLease(PipeLease&& other) noexcept
    : held(std::exchange(other.held, 0)),
      pool_(std::exchange(other.pool_, nullptr)),
      in_(std::exchange(other.in_, -1)),
      out_(std::exchange(other.out_, -1)) {}

PipeLease::~PipeLease() {
  if (pool_) pool_->take_back({in_, out_}, held);
}

PipePool::PipePool(PipePoolOptions options) : options_(options) {
  struct sigaction action {};
  if (::sigaction(SIGPIPE, nullptr, &action) != 0 || action.sa_handler != SIG_DFL) return;
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, nullptr);
}

PipePool::~PipePool() {
  for (const Ends& pipe : idle_) {
    ::close(pipe.in);
    ::close(pipe.out);
  }
}

PipeLease PipePool::borrow() {
  PipeLease lease;
  if (lent_ >= options_.lend) return lease;
  if (!idle_.empty()) {
    lease.in_ = idle_.back().in;
    lease.out_ = idle_.back().out;
    idle_.pop_back();
  } else {
    int ends[2];
    if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return lease;
    lease.out_ = ends[0];
    lease.in_ = ends[1];
    // Refused past the user's share of pipe memory: the default size carries bytes too.
    ::fcntl(lease.in_, F_SETPIPE_SZ, static_cast<int>(options_.pipe_bytes));
  }
  lease.pool_ = this;
  ++lent_;
  return lease;
}

std::span<std::uint8_t> PipePool::scratch() {
  if (!scratch_) scratch_ = std::make_unique_for_overwrite<std::uint8_t[]>(scratch_bytes);
  return {scratch_.get(), scratch_bytes};
}

void PipePool::take_back(Ends pipe, std::size_t held) {
  --lent_;
  // One connection's bytes must never come out in another's.
  if (held == 0 && idle_.size() < options_.keep) {
    idle_.push_back(pipe);
    return;
  }
  ::close(pipe.in);
  ::close(pipe.out);
}

}  // namespace sallyport
