// HTTP/2 towards an origin: each request is a stream that speaks HTTP/1.1 (RFC 9113).
#pragma once
#include "net/memory_stream.hpp"
#include "proxy/http2/options.hpp"

#include <memory>

namespace sallyport {

// One connection to an origin that has agreed on h2.
class Http2Client {
 public:
  // `transport` outlives it; `executor` is that of its thread. Windows are at least Http2Options::upstream_window.
  Http2Client(const Executor& executor, Stream& transport, const Http2Options& options);
  ~Http2Client();
  Http2Client(const Http2Client&) = delete;
  Http2Client& operator=(const Http2Client&) = delete;

  // Moves bytes until the connection's end: closed by either side, close(), or no stream for options.idle. Must be
  // running (spawned) for anything to happen, and obeys cancellation. When it returns, the transport was finished or
  // aborted and every open stream was aborted. Never throws. Call it once.
  Task<> run();

  // A stream for one request: write one HTTP/1.1 request in origin form to it (its Host becomes :authority), read its
  // HTTP/1.1 answer, interim answers included. Do not finish() before the answer: it means that nobody wants it. The
  // answer says `Connection: close` and is followed by eof, as a stream is good for one request only.
  // Connection-specific fields are left out. Dropping or aborting the stream before the answer's end cancels the
  // request (RST_STREAM). Where the origin resets it, refuses it (GOAWAY, REFUSED_STREAM) or answers what is no HTTP,
  // reads and writes end with an error of http2_category(), whose message() is a plain sentence. May be called before
  // run() was. Where !is_usable(), the stream is broken from the start.
  std::unique_ptr<MemoryStream> open();

  // Whether open() would be served now: not ended, no GOAWAY either way, and fewer streams than both sides allow.
  bool is_usable() const;
  // Requests under way.
  std::size_t active() const;
  // No further requests; run() returns when those under way have ended.
  void close();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sallyport
