#include "proxy/wire/chunked.hpp"

#include <algorithm>
#include <cstdlib>

namespace wire = sallyport::wire;

namespace {

struct Outcome {
  std::string data;
  std::size_t consumed = 0;
  bool done = false;
  bool failed = false;
  wire::ChunkFault fault{};
  wire::Fields trailers;
  bool operator==(const Outcome&) const = default;
};

// Decodes with the input cut into pieces of `piece` bytes.
Outcome decode(std::span<const std::uint8_t> bytes, std::size_t piece, std::size_t trailer_bytes = 128) {
  wire::ChunkedDecoder decoder({.extension_bytes = 64, .trailer_bytes = trailer_bytes, .trailer_fields = 4});
  Outcome outcome;
  while (outcome.consumed < bytes.size() && !outcome.done) {
    const auto rest = bytes.subspan(outcome.consumed);
    const auto step = decoder.feed(rest.first(std::min(piece, rest.size())));
    if (!step) {
      outcome.failed = true;
      outcome.fault = step.error();
      outcome.consumed = 0;  // where in the input a fault is noticed may depend on the cut
      return outcome;
    }
    if (step->consumed == 0) std::abort();
    outcome.data.append(step->data.begin(), step->data.end());
    outcome.consumed += step->consumed;
    outcome.done = step->done;
  }
  outcome.trailers = decoder.trailers();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  const Outcome whole = decode(bytes, size + 1);
  for (const std::size_t piece : {1u, 2u, 3u, 7u}) {
    if (!(decode(bytes, piece) == whole)) std::abort();
  }
  if (!whole.done) return 0;

  // Written anew, it reads the same; a space after each colon may make the trailers longer.
  std::string again;
  if (!whole.data.empty()) again = wire::chunk_header(whole.data.size()) + whole.data + std::string(wire::chunk_end);
  again += wire::last_chunk(whole.trailers);
  const Outcome second = decode({reinterpret_cast<const std::uint8_t*>(again.data()), again.size()}, again.size(), 256);
  if (!second.done || second.data != whole.data || second.trailers != whole.trailers) std::abort();
  return 0;
}
