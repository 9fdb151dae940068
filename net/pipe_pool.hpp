// Pipes to splice through, borrowed only while bytes are in flight.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace sallyport {

class PipePool;

// A borrowed pipe; goes back when it dies, or is closed if bytes are left in it.
class PipeLease {
 public:
  PipeLease() = default;
  PipeLease(PipeLease&& other) noexcept;
  PipeLease& operator=(PipeLease&&) = delete;
  ~PipeLease();

  explicit operator bool() const { return pool_ != nullptr; }
  int in() const { return in_; }
  int out() const { return out_; }

  std::size_t held = 0;  // bytes inside: whoever splices keeps it true

 private:
  friend class PipePool;
  PipePool* pool_ = nullptr;
  int in_ = -1;
  int out_ = -1;
  bool large_ = false;
};

struct PipePoolOptions {
  std::size_t keep = 16;    // idle pipes kept; more are closed when they come back
  std::size_t lend = 4096;  // pipes lent at one time
  // Asked for; the kernel may give less. Larger is cheaper (relay_benchmark: 0.39 s of CPU a GiB at 64 KiB, 0.31 at
  // 256 KiB, 0.24 at 1 MiB, 0.46 copying), but an unprivileged user has 64 MiB for all pipes together.
  std::size_t pipe_bytes = 256 << 10;
  // The first ones of the process are of this size, as many as a quarter of that share holds.
  std::size_t large_bytes = 1 << 20;
};

// One per thread, used by that thread alone; outlives its leases. Where SIGPIPE still has its default action it is
// ignored from now on: splice() cannot be told to spare us, and one closed tunnel would end the process.
class PipePool {
 public:
  explicit PipePool(PipePoolOptions options = {});
  ~PipePool();
  PipePool(const PipePool&) = delete;
  PipePool& operator=(const PipePool&) = delete;

  // An empty lease where no pipe is to be had: copy instead.
  PipeLease borrow();

  // For copying without a suspension in between; made at first use.
  std::span<std::uint8_t> scratch();

  std::size_t idle() const { return idle_.size(); }
  std::size_t lent() const { return lent_; }

 private:
  friend class PipeLease;
  struct Ends {
    int in, out;
    bool large;
  };
  bool make(Ends& pipe) const;
  static void close(const Ends& pipe);
  void take_back(Ends pipe, std::size_t held);

  PipePoolOptions options_;
  std::vector<Ends> idle_;
  std::unique_ptr<std::uint8_t[]> scratch_;
  std::size_t lent_ = 0;
};

}  // namespace sallyport
