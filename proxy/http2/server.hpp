// HTTP/2 towards a client: every request becomes a stream that speaks HTTP/1.1 (RFC 9113).
#pragma once
#include "net/memory_stream.hpp"
#include "proxy/http2/options.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace sallyport {

// Whom the server tells. All are called from inside run(), must not throw, and must not destroy the server.
struct Http2ServerEvents {
  // Asked before each request; false: there is no place for it, and the client is told so that it may send it again
  // (REFUSED_STREAM). May be left out.
  std::function<bool()> has_place;
  // A request has begun. On `stream` it reads as one HTTP/1.1 request: head first, then the body as it comes
  // (Content-Length or chunked, trailers included); the one HTTP/1.1 answer is written to it, interim answers before
  // it where there are any. One request a stream: after the answer it reads eof.
  // While the request waits for its answer the stream does not end, so its eof or reset means that the client has left
  // (RST_STREAM, or the whole connection): MemoryStream::peer_gone() tells at once. Aborting or dropping `stream`
  // before the whole answer was written resets the client's stream.
  std::function<void(std::unique_ptr<MemoryStream> stream)> on_request;
  // A request was no well-formed one and was reset or answered here (400 and the like have no one else to record them);
  // or the client's connection was ended for flooding. `why` is one plain sentence without the client's words.
  std::function<void(std::string_view why)> on_malformed;
};

// One connection from a client that has agreed on h2. Memory is bounded by the options: bytes are taken from the
// client as the request's stream takes them (no window is opened before), and from the answer as the client takes them.
// Refused here, before anybody is handed a stream: what RFC 9113, 8, calls malformed, CONNECT (501), heads beyond
// options.head_bytes (431), floods (GOAWAY ENHANCE_YOUR_CALM). Not offered: push, RFC 8441.
class Http2Server {
 public:
  // `transport` outlives it; `executor` is that of its thread.
  Http2Server(const Executor& executor, Stream& transport, const Http2Options& options, Http2ServerEvents events);
  ~Http2Server();
  Http2Server(const Http2Server&) = delete;
  Http2Server& operator=(const Http2Server&) = delete;

  // Serves until the client leaves, errs, is idle for options.idle, or the drain is done; obeys cancellation. When it
  // returns, the transport was finished (an orderly end) or aborted, and every stream still open was aborted: the
  // requests' own coroutines may live on a little and are their starter's to wait for. Never throws. Call it once.
  Task<> run();

  // No further requests (GOAWAY); those under way are served to their end, then run() returns.
  void drain();

  // Requests whose client has not got the whole answer yet.
  std::size_t active() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sallyport
