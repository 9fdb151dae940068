// One request of an HTTP/2 connection, as the client of a session that speaks HTTP/1.
#pragma once
#include "net/memory_stream.hpp"

#include <memory>
#include <utility>

namespace sallyport {

class RequestStream final : public Stream {
 public:
  explicit RequestStream(std::unique_ptr<MemoryStream> stream) : stream_(std::move(stream)) {}

  Task<Result<std::size_t>> read_some(std::span<std::uint8_t> into) override { return stream_->read_some(into); }
  Task<Result<void>> write(std::span<const std::uint8_t> bytes) override { return stream_->write(bytes); }
  void finish() override { stream_->finish(); }
  void abort() override { stream_->abort(); }
  // The answer is whole, so the server sends it to its end and wants no more of the request; then reading ends.
  void stop_reading() override { stream_->finish(); }
  void close() override { stream_->finish(); }
  Task<Result<void>> gone(PeerWatch&) override { return stream_->peer_gone(); }

 private:
  const std::unique_ptr<MemoryStream> stream_;
};

}  // namespace sallyport
