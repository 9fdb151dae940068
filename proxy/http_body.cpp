#include "proxy/http_body.hpp"

#include "proxy/wire/chunked.hpp"

#include <algorithm>
#include <utility>

namespace sallyport {
namespace {

constexpr std::size_t read_limit = 64 << 10;

std::string_view as_text(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Appends `data` in the framing that goes out.
void frame(std::string& out, std::span<const std::uint8_t> data, bool chunked) {
  if (data.empty()) return;
  if (chunked) out += wire::chunk_header(data.size());
  out += as_text(data);
  if (chunked) out += wire::chunk_end;
}

class BodyCopy {
 public:
  BodyCopy(Connection& from, Connection& to, wire::Framing out, BodyMeter meter, std::string head)
      : from_(from),
        to_(to),
        chunked_out_(out.kind == wire::Framing::Kind::chunked),
        meter_(std::move(meter)),
        head_(std::move(head)) {}

  // The head, where it still waits for a body to go with.
  Task<BodyEnd> send_head() {
    const std::string bytes = std::exchange(head_, {});
    if (bytes.empty()) co_return BodyEnd::complete;
    const std::string_view text = bytes;
    const auto sent = co_await to_.write(text);
    co_return sent ? BodyEnd::complete : BodyEnd::sink_failed;
  }

  Task<BodyEnd> plain(std::optional<std::uint64_t> length) {
    std::uint64_t left = length.value_or(UINT64_MAX);
    while (left > 0) {
      if (from_.unread().empty()) {
        const BodyEnd headed = co_await send_head();
        if (headed != BodyEnd::complete) co_return headed;
        const auto got = co_await from_.read_more(read_limit);
        if (!got && !length && got.error() == asio::error::eof) break;
        if (!got) co_return BodyEnd::source_failed;
      }
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left, from_.unread().size()));
      std::string bytes;
      frame(bytes, from_.unread().first(size), chunked_out_);
      from_.consume(size);
      const BodyEnd sent = co_await send(std::move(bytes), size);
      if (sent != BodyEnd::complete) co_return sent;
      left -= size;
    }
    if (!chunked_out_) co_return BodyEnd::complete;
    const BodyEnd sent = co_await send(wire::last_chunk(), 0);
    co_return sent;
  }

  Task<BodyEnd> chunked() {
    wire::ChunkedDecoder decoder;
    while (!decoder.done()) {
      if (from_.unread().empty()) {
        const BodyEnd headed = co_await send_head();
        if (headed != BodyEnd::complete) co_return headed;
        const auto got = co_await from_.read_more(read_limit);
        if (!got) co_return BodyEnd::source_failed;
      }
      std::string bytes;
      std::size_t size = 0;
      // What was good before a fault is not sent on either: the message is refused as a whole.
      while (!decoder.done() && !from_.unread().empty()) {
        const auto step = decoder.feed(from_.unread());
        if (!step) co_return BodyEnd::malformed;
        frame(bytes, step->data, chunked_out_);
        size += step->data.size();
        from_.consume(step->consumed);
      }
      if (decoder.done() && chunked_out_) {
        const std::string end = wire::last_chunk(masked(decoder.trailers()));
        bytes += end;
        // Trailers carry what their sender likes, as a body does.
        size += end.size() - wire::last_chunk().size();
      }
      const BodyEnd sent = co_await send(std::move(bytes), size);
      if (sent != BodyEnd::complete) co_return sent;
    }
    co_return BodyEnd::complete;
  }

 private:
  wire::Fields masked(wire::Fields trailers) const {
    if (meter_.mask) meter_.mask->mask(trailers);
    return trailers;
  }

  Task<BodyEnd> send(std::string bytes, std::size_t body_bytes) {
    if (!meter_.has_room(body_bytes)) co_return BodyEnd::limit;
    if (bytes.empty()) co_return BodyEnd::complete;
    if (!head_.empty()) bytes.insert(0, std::exchange(head_, {}));
    const std::string_view text = bytes;
    // Before it is written: others on this connection ask for room meanwhile.
    meter_.moved += body_bytes;
    const auto sent = co_await to_.write(text);
    if (!sent) co_return BodyEnd::sink_failed;
    meter_.last_active = Clock::now();
    co_return BodyEnd::complete;
  }

  Connection& from_;
  Connection& to_;
  bool chunked_out_;
  BodyMeter meter_;
  std::string head_;
};

}  // namespace

Task<BodyEnd> copy_body(Connection& from, Connection& to, wire::Framing in, wire::Framing out, BodyMeter meter,
                        std::string head) {
  BodyCopy copy(from, to, out, std::move(meter), std::move(head));
  BodyEnd end = BodyEnd::complete;
  switch (in.kind) {
    case wire::Framing::Kind::none:
      break;
    case wire::Framing::Kind::length:
      end = co_await copy.plain(in.length);
      break;
    case wire::Framing::Kind::until_close:
      end = co_await copy.plain(std::nullopt);
      break;
    case wire::Framing::Kind::chunked:
      end = co_await copy.chunked();
      break;
  }
  const BodyEnd headed = co_await copy.send_head();
  co_return end == BodyEnd::complete ? headed : end;
}

}  // namespace sallyport
