// The body of one HTTP/1.1 message, taken out of its framing.
#pragma once
#include "proxy/wire/chunked.hpp"
#include "proxy/wire/http_head.hpp"

#include <cstdint>
#include <span>
#include <string>

namespace sallyport::wire {

// Spans in, spans out; the result does not depend on how the input is cut.
class BodyReader {
 public:
  struct Step {
    std::size_t consumed = 0;            // of the input; 0 only where it was empty or the body is done
    std::span<const std::uint8_t> data;  // of the body, a part of the input; often empty
  };

  explicit BodyReader(Framing framing) : framing_(framing), left_(framing.length) {}

  // A fault where the chunks are none; nothing may be fed after it.
  boost::system::result<Step, ChunkFault> feed(std::span<const std::uint8_t> input);
  // The source ended in good order. False: in the middle of the body.
  bool end_of_source();

  bool done() const;
  const Fields& trailers() const { return chunks_.trailers(); }  // whole once done

 private:
  Framing framing_;
  std::uint64_t left_ = 0;
  bool source_ended_ = false;
  ChunkedDecoder chunks_;
};

// Appends a piece of a body in its framing.
void frame_data(std::string& out, std::span<const std::uint8_t> data, const Framing& framing);
// And its end. Trailers are lost where it is not chunked.
void frame_end(std::string& out, const Fields& trailers, const Framing& framing);

}  // namespace sallyport::wire
