// Chunked bodies, decoded strictly and bounded (RFC 9112, 7.1).
#pragma once
#include "proxy/wire/http_field.hpp"

#include <boost/system/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sallyport::wire {

enum class ChunkFault { bad_size, bad_extension, bad_line_end, bad_trailer, forbidden_trailer, too_large };
std::string_view sentence(ChunkFault fault);

struct ChunkLimits {
  std::size_t extension_bytes = 16 * 1024;  // over the whole body; extensions are read and dropped
  std::size_t trailer_bytes = 16 * 1024;
  std::size_t trailer_fields = 64;
};

// The result does not depend on how the input is cut. After a fault or the end, feed must not be called again: it
// answers the same fault, or consumes nothing.
class ChunkedDecoder {
 public:
  struct Step {
    std::size_t consumed = 0;            // of the input; 0 only when it was empty or the body is done
    std::span<const std::uint8_t> data;  // decoded bytes, a part of the input; often empty
    bool done = false;                   // the last byte of the body, trailers included, is consumed
  };

  explicit ChunkedDecoder(ChunkLimits limits = {}) : limits_(limits) {}

  // Goes on until it has some data, the end, a fault, or no input: so call it in a loop while it consumes.
  boost::system::result<Step, ChunkFault> feed(std::span<const std::uint8_t> input);

  bool done() const { return state_ == State::done; }
  const Fields& trailers() const { return trailers_; }  // whole once done
  std::uint64_t decoded_bytes() const { return decoded_; }

 private:
  enum class State { size_start, size, extension, size_lf, data, data_cr, data_lf, trailer, trailer_lf, done, failed };

  std::span<const std::uint8_t> take_data(std::span<const std::uint8_t> input);
  bool step(char byte);
  bool step_size(char byte);
  bool step_extension(char byte);
  bool step_trailer(char byte);
  bool end_trailer_line();
  bool refuse(ChunkFault fault);

  ChunkLimits limits_;
  State state_ = State::size_start;
  ChunkFault fault_ = ChunkFault::bad_size;
  std::uint64_t remaining_ = 0;
  std::uint64_t decoded_ = 0;
  int digits_ = 0;
  std::size_t extension_bytes_ = 0;
  std::size_t trailer_bytes_ = 0;
  std::string line_;
  Fields trailers_;
};

// Fields that may not come after a body: those of framing, routing, credentials, caching and payload (RFC 9110, 6.5.1).
bool forbidden_in_trailers(std::string_view name);

// "1a\r\n", to be followed by that many bytes and "\r\n". Size 0 is not for this: see last_chunk.
std::string chunk_header(std::uint64_t size);
inline constexpr std::string_view chunk_end = "\r\n";
// The end of the body: "0\r\n", the trailers, an empty line.
std::string last_chunk(const Fields& trailers = {});

}  // namespace sallyport::wire
