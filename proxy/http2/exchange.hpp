// One request and its answer: an HTTP/2 stream on one side, HTTP/1.1 on a memory stream on the other.
#pragma once
#include "net/memory_stream.hpp"
#include "proxy/http2/window_budget.hpp"
#include "proxy/wire/body_reader.hpp"
#include "proxy/wire/http2_translate.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace sallyport {

// Knows no nghttp2. "In" is what came over HTTP/2 and goes to the reader of HTTP/1.1; "out" the other way. What waits
// in here to go in is bounded by the stream's window, which is opened only by what flush_in() answers.
class Exchange {
 public:
  Exchange(std::unique_ptr<MemoryStream> far, std::size_t first_window, std::shared_ptr<WindowBudget> budget)
      : window_(first_window), loan_(std::move(budget)), far_(std::move(far)) {}

  // --- in

  // An interim head, or the head.
  void put_head(const wire::Http1Head& head);
  // False: more than the head announced.
  bool put_data(std::span<const std::uint8_t> data);
  // False: less than it announced.
  bool put_end(const wire::Fields& trailers);
  // Moves what there is room for. The answer: how many bytes the peer may send in their place.
  std::size_t flush_in();
  std::size_t unopened() const { return unopened_; }
  // Bytes in memory here.
  std::size_t kept() const { return framed_.size() + waiting_bytes_ + end_.size(); }
  // To be told what flush_in() answered. Where the reader has kept up for a whole window, the next one, at most
  // `widest`; else nothing.
  std::optional<std::size_t> wider_window(std::size_t opened, std::size_t widest);
  // By how much it is wider now than it was at first.
  std::size_t widened() const { return loan_.taken(); }
  bool in_has_head() const { return in_has_head_; }
  bool in_is_whole() const { return in_is_whole_; }
  bool in_is_flushed() const { return framed_.size() == framed_start_ && waiting_.empty() && end_.empty(); }

  // --- out

  // The bytes of a head so far, at most `limit`, taken from the stream.
  std::span<const std::uint8_t> gather_head(std::size_t limit);
  // The first `size` of them were an interim head …
  void drop_head(std::size_t size);
  // … or the head, and what follows is the body.
  void begin_body(std::size_t size, wire::Framing framing);
  bool out_has_head() const { return body_.has_value(); }

  enum class Out { some, none_yet, end, broken };
  struct Copied {
    Out state = Out::none_yet;
    std::size_t size = 0;  // may be more than 0 at `end` too
  };
  // Takes body bytes. After `end` there are trailers().
  Copied copy_body(std::span<std::uint8_t> into);
  const wire::Fields& trailers() const { return body_->trailers(); }
  // Its writer has gone, and what is there is no whole message.
  bool out_is_cut() const;

  MemoryStream& far() { return *far_; }
  std::unique_ptr<MemoryStream> take_far() { return std::move(far_); }

  std::int32_t id = 0;       // of the HTTP/2 stream; 0: none yet
  std::string method;        // of the request
  bool deferred = false;     // HTTP/2 waits for copy_body to have something
  bool touched = false;      // is to be served
  bool out_is_sent = false;  // to the end of its stream
  bool closed = false;       // the HTTP/2 stream is no more
  bool malformed = false;    // what the peer sent last was not well-formed

 private:
  std::size_t window_;
  std::size_t kept_up_ = 0;  // bytes since the reader was last behind
  WindowLoan loan_;
  std::unique_ptr<MemoryStream> far_;

  // The next of it to go in is framed there. Framed as it came, what came byte by byte would be six times as much.
  bool frame_next();
  std::string framed_;
  std::size_t framed_start_ = 0;
  std::size_t framed_body_ = 0;      // of what is framed, those for which the window was not opened again
  std::deque<std::string> waiting_;  // body bytes
  std::size_t waiting_bytes_ = 0;
  std::string end_;           // what follows them
  std::size_t unopened_ = 0;  // body bytes for which the window was not opened again
  wire::Framing in_framing_;
  std::uint64_t in_left_ = 0;
  bool in_has_head_ = false;
  bool in_is_whole_ = false;

  std::string source_;  // read from the stream while a head was looked for
  std::optional<wire::BodyReader> body_;
};

}  // namespace sallyport
