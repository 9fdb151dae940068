// The part of a pump that never waits. For relay.cpp.
#pragma once
#include "net/relay.hpp"

#include <optional>

namespace sallyport {

class Mover {
 public:
  enum class Step { moved, wait_to_read, wait_to_write, end };

  Mover(Socket& from, Socket& to, PipePool& pipes, std::uint64_t& moved, std::optional<std::uint64_t> limit);

  // Moves bytes until a side would block, a turn's worth has gone, or the end, which is then in `end`. Bytes are held
  // in a pipe only where the answer is wait_to_write.
  Step run();

  PumpEnd end;

 private:
  Step step(bool first);
  Step take();
  Step drain();
  Step copy();
  Step look_past_limit();
  Step finish(PumpEnd::How how, int error = 0);

  Socket& from_;
  Socket& to_;
  PipePool& pipes_;
  std::uint64_t& moved_;
  std::uint64_t left_;
  std::optional<PipeLease> lease_;
  bool may_splice_ = true;
};

}  // namespace sallyport
