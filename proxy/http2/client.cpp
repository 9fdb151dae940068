#include "proxy/http2/client.hpp"

#include "proxy/http2/endpoint.hpp"
#include "proxy/http2/endpoint_callbacks.hpp"
#include "proxy/http2/session_setup.hpp"

#include <algorithm>

namespace sallyport {

namespace {

Http2Options for_upstream(Http2Options options) {
  options.widest_window = std::max(options.widest_window, Http2Options::widest_upstream);
  return options;
}

}  // namespace

class Http2Client::Impl final : public Http2Endpoint {
 public:
  Impl(const Executor& executor, Stream& transport, const Http2Options& options)
      : Http2Endpoint(Role::client, executor, transport, for_upstream(options)) {}

  std::unique_ptr<MemoryStream> open() {
    auto [near, far] = MemoryStream::make_pair(executor(), options().stream_capacity);
    if (is_usable()) {
      add(std::move(far));
    } else {
      far->abort(make_error_code(is_over() ? Http2Error::connection_ended : Http2Error::refused_stream));
    }
    return std::move(near);
  }

  bool is_usable() {
    const std::uint32_t theirs =
        nghttp2_session_get_remote_settings(session(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    const std::size_t most = std::min(options().max_streams, theirs);
    return !is_over() && !closing_ && nghttp2_session_check_request_allowed(session()) != 0 && active() < most;
  }

  void close_gently() {
    closing_ = true;
    close();
  }

 private:
  void serve(Exchange& exchange) override {
    if (exchange.id == 0) {
      send_request(exchange);
      return;
    }
    // Nobody waits for the answer, or for the rest of the request to be sent.
    const bool unwanted = exchange.in_is_whole() ? !exchange.far().has_peer() : !exchange.far().has_reader();
    const bool cut = !exchange.out_is_sent && exchange.out_is_cut();
    if (unwanted || cut) return reset(exchange.id, Http2Error::cancel);
    resume(exchange);
    if (exchange.in_is_whole() && exchange.in_is_flushed()) exchange.far().finish();
  }

  void send_request(Exchange& exchange) {
    const wire::HeadLimits limits{.bytes = 2 * options().head_bytes, .fields = 1024};
    const auto head = wire::parse_request_head(exchange.gather_head(limits.bytes), limits);
    if (!head && head.error() == wire::HeadFault::need_more) {
      if (exchange.out_is_cut()) exchange.closed = true;
      return;
    }
    const auto fields = head ? wire::request_to_http2(head->value, options().scheme) : wire::BlockFault::bad_method;
    if (!fields) {
      exchange.far().abort(make_error_code(Http2Error::protocol_error));
      exchange.closed = true;
      return;
    }
    exchange.method = head->value.method;
    exchange.begin_body(head->consumed, head->value.framing);
    submit(exchange, *fields, head->value.framing);
  }

  void submit(Exchange& exchange, const wire::Fields& fields, const wire::Framing& framing) {
    const bool empty = framing.kind == wire::Framing::Kind::none ||
                       (framing.kind == wire::Framing::Kind::length && framing.length == 0);
    const auto pairs = as_nghttp2(fields);
    const auto body = body_of(exchange);
    const std::int32_t id =
        nghttp2_submit_request(session(), nullptr, pairs.data(), pairs.size(), empty ? nullptr : &body, &exchange);
    if (id > 0) {
      exchange.id = id;
      return;
    }
    exchange.far().abort(make_error_code(Http2Error::refused_stream));
    exchange.closed = true;
  }

  void on_block(const Block& block, Exchange* exchange) override {
    if (!exchange) return;
    const bool clean = !block.too_large && !block.bad_field;
    const bool good =
        clean && (exchange->in_has_head() ? take_trailers(block, *exchange) : take_head(block, *exchange));
    if (!good) {
      exchange->malformed = true;
      reset(block.id, Http2Error::protocol_error);
    }
    touch(*exchange);
  }

  bool take_head(const Block& block, Exchange& exchange) {
    const auto head = wire::response_to_http1(block.fields, block.body, exchange.method);
    if (!head) return false;
    exchange.put_head(*head);
    return head->interim || block.body == wire::Body::follows || exchange.put_end({});
  }

  static bool take_trailers(const Block& block, Exchange& exchange) {
    const auto trailers = wire::trailers_from_http2(block.fields);
    return trailers && exchange.put_end(*trailers);
  }

  void on_close(Exchange& exchange, Http2Error error) override {
    if (exchange.malformed) error = Http2Error::malformed_answer;
    if (exchange.malformed || !exchange.in_is_whole()) exchange.far().abort(make_error_code(error));
  }

  // What came of the answer is told by on_close; it is the destination's fault, not a client's.
  void on_malformed(std::string_view) override {}

  bool closing_ = false;
};

Http2Client::Http2Client(const Executor& executor, Stream& transport, const Http2Options& options)
    : impl_(std::make_unique<Impl>(executor, transport, options)) {}

Http2Client::~Http2Client() = default;

Task<> Http2Client::run() {
  return impl_->run();
}

std::unique_ptr<MemoryStream> Http2Client::open() {
  return impl_->open();
}

bool Http2Client::is_usable() const {
  return impl_->is_usable();
}

std::size_t Http2Client::active() const {
  return impl_->active();
}

void Http2Client::close() {
  impl_->close_gently();
}

}  // namespace sallyport
