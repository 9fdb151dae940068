#include "proxy/wire/body_reader.hpp"

#include <algorithm>

namespace sallyport::wire {

using Kind = Framing::Kind;

boost::system::result<BodyReader::Step, ChunkFault> BodyReader::feed(std::span<const std::uint8_t> input) {
  if (done()) return Step{};
  if (framing_.kind == Kind::chunked) {
    const auto step = chunks_.feed(input);
    if (!step) return step.error();
    return Step{step->consumed, step->data};
  }
  if (framing_.kind == Kind::until_close) return Step{input.size(), input};
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
  left_ -= size;
  return Step{size, input.first(size)};
}

bool BodyReader::end_of_source() {
  source_ended_ = true;
  return done();
}

bool BodyReader::done() const {
  switch (framing_.kind) {
    case Kind::none:
      return true;
    case Kind::length:
      return left_ == 0;
    case Kind::chunked:
      return chunks_.done();
    case Kind::until_close:
      return source_ended_;
  }
  return true;
}

void frame_data(std::string& out, std::span<const std::uint8_t> data, const Framing& framing) {
  if (data.empty()) return;
  const bool chunked = framing.kind == Kind::chunked;
  if (chunked) out += chunk_header(data.size());
  out.append(reinterpret_cast<const char*>(data.data()), data.size());
  if (chunked) out += chunk_end;
}

void frame_end(std::string& out, const Fields& trailers, const Framing& framing) {
  if (framing.kind == Kind::chunked) out += last_chunk(trailers);
}

}  // namespace sallyport::wire
