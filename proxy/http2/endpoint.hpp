// What both sides of HTTP/2 have in common: one nghttp2 session over one stream, its streams and its limits.
#pragma once
#include "proxy/http2/error.hpp"
#include "proxy/http2/exchange.hpp"
#include "proxy/http2/flood_guard.hpp"
#include "proxy/http2/options.hpp"

#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

struct nghttp2_session;

namespace sallyport {

// Two coroutines, run together by run(), own the session: one reads frames from the transport, the other writes what
// nghttp2 has to say and moves bytes between its streams and the memory streams. Both run on one thread, and no call of
// nghttp2's is open while one of them waits.
class Http2Endpoint {
 public:
  virtual ~Http2Endpoint();
  Http2Endpoint(const Http2Endpoint&) = delete;
  Http2Endpoint& operator=(const Http2Endpoint&) = delete;

  Task<> run();
  std::size_t active() const { return exchanges_.size(); }
  // GOAWAY; run() ends when the last stream has.
  void close();

 protected:
  enum class Role { server, client };
  Http2Endpoint(Role role, const Executor& executor, Stream& transport, const Http2Options& options);

  // One block of fields, as it came.
  struct Block {
    std::int32_t id = 0;
    wire::Fields fields;
    std::size_t bytes = 0;  // as SETTINGS_MAX_HEADER_LIST_SIZE counts
    bool too_large = false;
    bool bad_field = false;  // there was one that nghttp2 found malformed
    wire::Body body = wire::Body::none;
  };

  // --- what the sides do in their own way

  // `exchange` is null where the stream has none yet.
  virtual void on_block(const Block& block, Exchange* exchange) = 0;
  // The exchange was touched, and its HTTP/2 stream is open.
  virtual void serve(Exchange& exchange) = 0;
  // The HTTP/2 stream has ended.
  virtual void on_close(Exchange& exchange, Http2Error error) = 0;
  // What was sent to the end of the stream.
  virtual void on_sent_whole(std::int32_t) {}
  virtual void on_malformed(std::string_view why) = 0;
  virtual void on_goaway_sent() {}
  virtual void on_ping_answered() {}

  // --- what they do it with

  nghttp2_session* session() { return session_.get(); }
  const Http2Options& options() const { return options_; }
  const Executor& executor() const { return executor_; }
  bool is_over() const { return over_; }

  Exchange& add(std::unique_ptr<MemoryStream> far);
  // Its memory stream or its HTTP/2 stream has changed: it is served soon.
  void touch(Exchange& exchange);
  // RST_STREAM.
  void reset(std::int32_t id, Http2Error error);
  // Lets nghttp2 ask again for what it found missing.
  void resume(Exchange& exchange);
  void wake();
  // Memory streams whose HTTP/2 stream has ended and whose user has not let go yet.
  std::size_t count_lingering();

 private:
  friend struct EndpointCallbacks;

  Task<> receive();
  Task<> send();
  Task<> write_out();
  Task<> wait_for_work();
  Task<> hand_over_the_rest();
  void serve_touched();
  void retire(Exchange& exchange);
  // The peer may send so many bytes in place of those that were taken.
  void open_window(Exchange& exchange, std::size_t size);
  void gather_output();
  void closed(Exchange& exchange, Http2Error error);
  // Counts; at too many, GOAWAY and the end.
  void count_reset();
  void count_control();
  void give_up(std::string_view why);

  struct SessionDeleter {
    void operator()(nghttp2_session* session) const;
  };

  const Http2Options options_;
  Executor executor_;
  Stream& transport_;
  Timer wakeup_;
  std::unique_ptr<nghttp2_session, SessionDeleter> session_;
  bool woken_ = false;
  bool over_ = false;     // nothing more is read or written
  bool orderly_ = false;  // and that was a good end
  bool writing_ = false;
  bool given_up_ = false;
  std::string output_;
  std::unordered_map<Exchange*, std::unique_ptr<Exchange>> exchanges_;
  std::vector<Exchange*> touched_;
  std::vector<std::unique_ptr<MemoryStream>> lingering_;
  FloodGuard guard_;
  Block block_;
  std::size_t data_in_frame_ = 0;
  std::size_t widened_ = 0;  // of the connection's window: what its streams' are wider by
};

}  // namespace sallyport
