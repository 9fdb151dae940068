// Two streams joined in memory, on one thread: what is written to one end is read from the other.
#pragma once
#include "net/stream.hpp"

#include <functional>
#include <memory>
#include <utility>

namespace sallyport {

// One end. Each direction holds at most the pair's capacity: a writer waits until the reader has taken enough. An empty
// direction holds no buffer. An end that is destroyed leaves the peer what was written; after that the peer reads eof
// where finish() came before, else connection_reset, and its own writes fail.
// What the peer sees: eof after finish(), connection_reset after abort() (or the error given to it) at once, whatever
// was still unread; broken_pipe on writing to an end that will not read any more.
class MemoryStream final : public Stream {
 public:
  using Pair = std::pair<std::unique_ptr<MemoryStream>, std::unique_ptr<MemoryStream>>;
  static constexpr std::size_t usual_capacity = 64 << 10;
  // Both ends belong to the one thread that runs `executor`.
  static Pair make_pair(const Executor& executor, std::size_t capacity = usual_capacity);

  ~MemoryStream() override;

  Task<Result<std::size_t>> read_some(std::span<std::uint8_t> into) override;
  Task<Result<void>> write(std::span<const std::uint8_t> bytes) override;
  void finish() override;
  void abort() override;
  void stop_reading() override;
  // Destroys nothing, but is for the peer as if this end had been destroyed.
  void close() override;
  bool is_quiet() override;
  // As peer_gone(); needs no watch.
  Task<Result<void>> gone(PeerWatch& watch) override;
  // The same, and says why: what the peer's reads and writes end with.
  void abort(error_code why);

  // Waits until the peer has finished, aborted or gone, whatever is still unread; may wait beside a read and a write.
  // An error only where the wait was cancelled or this end was aborted.
  Task<Result<void>> peer_gone();

  // --- without waiting, for whoever serves many streams by one coroutine

  // What has come and was not read yet; valid until the next call on this end.
  std::span<const std::uint8_t> readable() const;
  // Takes the first `size` bytes of readable(); no more than there are.
  void consume(std::size_t size);
  // Writes what there is room for; the answer is how much. Nothing after finish() or an abort.
  std::size_t write_now(std::span<const std::uint8_t> bytes);
  // The peer has finished, and everything it wrote has been read.
  bool at_end() const;
  // This end or the peer was aborted, or everything was read of a peer that has gone without finish().
  bool is_broken() const;
  // The peer may still read what is written now.
  bool has_reader() const;
  // The peer's end was neither destroyed nor closed yet.
  bool has_peer() const;
  // `changed` is called, from inside the peer's calls, whenever the peer wrote, read, finished, aborted or went. It
  // must not call a stream of this pair.
  void on_change(std::function<void()> changed);

 private:
  struct Shared;
  MemoryStream(std::shared_ptr<Shared> shared, int side);

  std::shared_ptr<Shared> shared_;  // both ends own it: either may go first
  int side_;
};

}  // namespace sallyport
