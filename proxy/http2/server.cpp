#include "proxy/http2/server.hpp"

#include "proxy/http2/endpoint.hpp"
#include "proxy/http2/endpoint_callbacks.hpp"
#include "proxy/http2/session_setup.hpp"

namespace sallyport {

class Http2Server::Impl final : public Http2Endpoint {
 public:
  Impl(const Executor& executor, Stream& transport, const Http2Options& options, Http2ServerEvents events)
      : Http2Endpoint(Role::server, executor, transport, options), events_(std::move(events)) {}

  // A notice first: requests that are on their way are still taken (RFC 9113, 6.8). Whoever answers the PING behind it
  // has read the notice.
  void drain() {
    if (drain_ != Drain::none) return;
    drain_ = Drain::notice;
    nghttp2_submit_shutdown_notice(session());
    wake();
  }

 private:
  void on_block(const Block& block, Exchange* exchange) override {
    if (exchange) {
      take_trailers(block, *exchange);
    } else {
      take_request(block);
    }
  }

  void take_request(const Block& block) {
    constexpr int too_large = 431;
    constexpr int not_implemented = 501;
    if (block.too_large) return answer(block.id, too_large, "a head is larger than limits.head");
    if (block.bad_field) return refuse(block.id, wire::sentence(wire::BlockFault::bad_value));
    const auto head = wire::request_to_http1(block.fields, block.body, options().scheme);
    if (!head && head.error() == wire::BlockFault::connect)
      return answer(block.id, not_implemented, wire::sentence(wire::BlockFault::connect));
    if (!head) return refuse(block.id, wire::sentence(head.error()));
    // Requests whose client has gone already are worked on for a while yet; they count, or a client could have any
    // number of them begun.
    if (active() + count_lingering() >= 2 * std::size_t{options().max_streams}) {
      reset(block.id, Http2Error::refused_stream);
      return;
    }
    if (events_.has_place && !events_.has_place()) return reset(block.id, Http2Error::refused_stream);
    begin(block, *head);
  }

  void begin(const Block& block, const wire::Http1Head& head) {
    auto [near, far] = MemoryStream::make_pair(executor(), options().stream_capacity);
    Exchange& exchange = add(std::move(far));
    exchange.id = block.id;
    exchange.method = head.bytes.substr(0, head.bytes.find(' '));
    nghttp2_session_set_stream_user_data(session(), block.id, &exchange);
    exchange.put_head(head);
    if (block.body == wire::Body::none) exchange.put_end({});
    static_cast<void>(exchange.flush_in());
    events_.on_request(std::move(near));
  }

  void take_trailers(const Block& block, Exchange& exchange) {
    const auto trailers = wire::trailers_from_http2(block.fields);
    const bool good = !block.too_large && !block.bad_field && trailers && exchange.put_end(*trailers);
    if (!good) refuse(block.id, trailers ? "the trailers are malformed" : wire::sentence(trailers.error()));
    touch(exchange);
  }

  void answer(std::int32_t id, int status, std::string_view why) {
    const wire::Fields fields{{":status", std::to_string(status)}};
    const auto pairs = as_nghttp2(fields);
    nghttp2_submit_response(session(), id, pairs.data(), pairs.size(), nullptr);
    on_malformed(why);
  }

  void refuse(std::int32_t id, std::string_view why) {
    reset(id, Http2Error::protocol_error);
    on_malformed(why);
  }

  void serve(Exchange& exchange) override {
    if (!exchange.out_has_head()) read_heads(exchange);
    if (!exchange.out_is_sent && exchange.out_is_cut()) reset(exchange.id, Http2Error::internal_error);
    resume(exchange);
  }

  void read_heads(Exchange& exchange) {
    // What the pipeline adds to an origin's head (Via and the like) is not the origin's to have counted.
    const wire::HeadLimits limits{.bytes = 2 * options().head_bytes, .fields = 1024};
    while (!exchange.out_has_head()) {
      const auto head = wire::parse_response_head(exchange.gather_head(limits.bytes), exchange.method, limits);
      if (!head && head.error() == wire::HeadFault::need_more) return;
      if (!head) return reset(exchange.id, Http2Error::internal_error);
      const auto fields = wire::response_to_http2(head->value);
      if (!fields) return reset(exchange.id, Http2Error::internal_error);
      if (head->value.status < 200) {
        exchange.drop_head(head->consumed);
        const auto pairs = as_nghttp2(*fields);
        nghttp2_submit_headers(session(), NGHTTP2_FLAG_NONE, exchange.id, nullptr, pairs.data(), pairs.size(), nullptr);
      } else {
        exchange.begin_body(head->consumed, head->value.framing);
        send_head(exchange, *fields, head->value.framing);
      }
    }
  }

  void send_head(Exchange& exchange, const wire::Fields& fields, const wire::Framing& framing) {
    const bool empty = framing.kind == wire::Framing::Kind::none ||
                       (framing.kind == wire::Framing::Kind::length && framing.length == 0);
    const auto pairs = as_nghttp2(fields);
    const auto body = body_of(exchange);
    nghttp2_submit_response(session(), exchange.id, pairs.data(), pairs.size(), empty ? nullptr : &body);
  }

  // RFC 9113, 8.1: a whole answer before the request's end; the rest of the request is not wanted.
  void on_sent_whole(std::int32_t id) override {
    if (nghttp2_session_get_stream_remote_close(session(), id) == 0) reset(id, Http2Error::no_error);
  }

  void on_close(Exchange& exchange, Http2Error error) override {
    if (exchange.out_is_sent) {
      exchange.far().finish();
    } else {
      exchange.far().abort(make_error_code(error));
    }
  }

  void on_malformed(std::string_view why) override {
    if (events_.on_malformed) events_.on_malformed(why);
  }

  // Not before: nghttp2 sends a PING ahead of what waits.
  void on_goaway_sent() override {
    if (drain_ != Drain::notice) return;
    drain_ = Drain::ping;
    nghttp2_submit_ping(session(), NGHTTP2_FLAG_NONE, nullptr);
  }

  void on_ping_answered() override {
    if (drain_ != Drain::ping) return;
    drain_ = Drain::last;
    close();
  }

  enum class Drain { none, notice, ping, last };

  Http2ServerEvents events_;
  Drain drain_ = Drain::none;
};

Http2Server::Http2Server(const Executor& executor, Stream& transport, const Http2Options& options,
                         Http2ServerEvents events)
    : impl_(std::make_unique<Impl>(executor, transport, options, std::move(events))) {}

Http2Server::~Http2Server() = default;

Task<> Http2Server::run() {
  return impl_->run();
}

void Http2Server::drain() {
  impl_->drain();
}

std::size_t Http2Server::active() const {
  return impl_->active();
}

}  // namespace sallyport
