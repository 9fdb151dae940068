#include "net/pipe_pool.hpp"

#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace sallyport {

namespace {
constexpr std::size_t scratch_bytes = 64 << 10;
constexpr int most_large = 16;
std::atomic<int> large_pipes{0};  // in this process
}  // namespace

PipeLease::PipeLease(PipeLease&& other) noexcept
    : held(std::exchange(other.held, 0)),
      pool_(std::exchange(other.pool_, nullptr)),
      in_(std::exchange(other.in_, -1)),
      out_(std::exchange(other.out_, -1)),
      large_(std::exchange(other.large_, false)) {}

PipeLease::~PipeLease() {
  if (pool_) pool_->take_back({in_, out_, large_}, held);
}

PipePool::PipePool(PipePoolOptions options) : options_(options) {
  struct sigaction action {};
  if (::sigaction(SIGPIPE, nullptr, &action) != 0 || action.sa_handler != SIG_DFL) return;
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, nullptr);
}

PipePool::~PipePool() {
  for (const Ends& pipe : idle_) close(pipe);
}

PipeLease PipePool::borrow() {
  PipeLease lease;
  if (lent_ >= options_.lend) return lease;
  Ends pipe{-1, -1, false};
  if (!idle_.empty()) {
    pipe = idle_.back();
    idle_.pop_back();
  } else if (!make(pipe)) {
    return lease;
  }
  lease.in_ = pipe.in;
  lease.out_ = pipe.out;
  lease.large_ = pipe.large;
  lease.pool_ = this;
  ++lent_;
  return lease;
}

bool PipePool::make(Ends& pipe) const {
  int ends[2];
  if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return false;
  pipe.out = ends[0];
  pipe.in = ends[1];
  const auto resize = [&](std::size_t bytes) { return ::fcntl(pipe.in, F_SETPIPE_SZ, static_cast<int>(bytes)) >= 0; };
  pipe.large = large_pipes.fetch_add(1) < most_large && resize(options_.large_bytes);
  if (pipe.large) return true;
  --large_pipes;
  // Refused past the user's share of pipe memory: the default size carries bytes too.
  static_cast<void>(resize(options_.pipe_bytes));
  return true;
}

void PipePool::close(const Ends& pipe) {
  ::close(pipe.in);
  ::close(pipe.out);
  if (pipe.large) --large_pipes;
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
  close(pipe);
}

}  // namespace sallyport
