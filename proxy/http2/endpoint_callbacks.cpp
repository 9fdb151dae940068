#include "proxy/http2/endpoint_callbacks.hpp"

#include "proxy/http2/session_setup.hpp"

#include <new>

namespace sallyport {

namespace {

Http2Endpoint& endpoint_of(void* user_data) {
  return *static_cast<Http2Endpoint*>(user_data);
}

Exchange* exchange_of(nghttp2_session* session, std::int32_t id) {
  return static_cast<Exchange*>(nghttp2_session_get_stream_user_data(session, id));
}

// A field's cost by RFC 9113, 6.5.2.
constexpr std::size_t field_overhead = 32;
// Beyond that many times the limit a block is no mistake: it is decompressed to keep a processor busy.
constexpr std::size_t patience = 8;

bool ends_stream(const nghttp2_frame& frame) {
  const bool carries = frame.hd.type == NGHTTP2_DATA || frame.hd.type == NGHTTP2_HEADERS;
  return carries && (frame.hd.flags & NGHTTP2_FLAG_END_STREAM);
}

ssize_t read_body(nghttp2_session* session, std::int32_t id, std::uint8_t* buffer, std::size_t length,
                  std::uint32_t* flags, nghttp2_data_source* source, void*) {
  auto& exchange = *static_cast<Exchange*>(source->ptr);
  const auto copied = exchange.copy_body({buffer, length});
  switch (copied.state) {
    case Exchange::Out::none_yet:
      exchange.deferred = true;
      return NGHTTP2_ERR_DEFERRED;
    case Exchange::Out::broken:
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // RST_STREAM
    case Exchange::Out::some:
      break;
    case Exchange::Out::end:
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      const wire::Fields trailers = wire::trailers_to_http2(exchange.trailers());
      if (trailers.empty()) break;
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const auto pairs = as_nghttp2(trailers);
      if (nghttp2_submit_trailer(session, id, pairs.data(), pairs.size()) != 0)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
      break;
  }
  return static_cast<ssize_t>(copied.size);
}

}  // namespace

struct EndpointCallbacks {
  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    endpoint_of(user).block_ = {};
    endpoint_of(user).block_.id = frame->hd.stream_id;
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name, std::size_t name_size,
                       const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
    Http2Endpoint& endpoint = endpoint_of(user);
    auto& block = endpoint.block_;
    block.bytes += name_size + value_size + field_overhead;
    if (block.bytes > endpoint.options_.head_bytes) {
      block.too_large = true;
      block.fields.clear();
      if (block.bytes > patience * endpoint.options_.head_bytes)
        endpoint.give_up("a head is many times larger than limits.head");
      return 0;
    }
    block.fields.push_back({std::string(reinterpret_cast<const char*>(name), name_size),
                            std::string(reinterpret_cast<const char*>(value), value_size)});
    return 0;
  }

  // nghttp2 would drop the field and go on; RFC 9113, 8.2.1, has it malformed.
  static int on_invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t,
                               const std::uint8_t*, std::size_t, std::uint8_t, void* user) {
    endpoint_of(user).block_.bad_field = true;
    return 0;
  }

  static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    Http2Endpoint& endpoint = endpoint_of(user);
    Exchange* exchange = exchange_of(session, frame->hd.stream_id);
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS: {
        Http2Endpoint::Block block = std::move(endpoint.block_);
        endpoint.block_ = {};
        block.body = ends_stream(*frame) ? wire::Body::none : wire::Body::follows;
        if (!endpoint.given_up_) endpoint.on_block(block, exchange);
        break;
      }
      case NGHTTP2_DATA:
        on_data_frame(endpoint, *frame, exchange);
        break;
      case NGHTTP2_RST_STREAM:
        endpoint.count_reset();
        break;
      case NGHTTP2_PING:
        if (frame->hd.flags & NGHTTP2_FLAG_ACK) {
          endpoint.on_ping_answered();
        } else {
          endpoint.count_control();
        }
        break;
      default:
        endpoint.count_control();
    }
    return 0;
  }

  static void on_data_frame(Http2Endpoint& endpoint, const nghttp2_frame& frame, Exchange* exchange) {
    if (endpoint.data_in_frame_ == 0 && !ends_stream(frame)) endpoint.count_control();
    if (endpoint.data_in_frame_ > 0) endpoint.guard_.data();
    endpoint.data_in_frame_ = 0;
    if (!exchange || !ends_stream(frame)) return;
    if (!exchange->put_end({})) endpoint.reset(frame.hd.stream_id, Http2Error::protocol_error);
    endpoint.touch(*exchange);
  }

  static int on_data(nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                     std::size_t size, void* user) {
    Http2Endpoint& endpoint = endpoint_of(user);
    endpoint.data_in_frame_ += size;
    Exchange* exchange = exchange_of(session, id);
    const bool taken = exchange && !exchange->malformed && exchange->put_data({data, size});
    if (taken) {
      endpoint.touch(*exchange);
      return 0;
    }
    nghttp2_session_consume_connection(session, size);
    if (!exchange || exchange->malformed) return 0;
    exchange->malformed = true;
    endpoint.reset(id, Http2Error::protocol_error);
    return 0;
  }

  static int on_stream_close(nghttp2_session* session, std::int32_t id, std::uint32_t code, void* user) {
    if (Exchange* exchange = exchange_of(session, id)) endpoint_of(user).closed(*exchange, Http2Error{code});
    return 0;
  }

  // Whatever nghttp2 itself has found to be malformed; it answers with RST_STREAM or GOAWAY.
  static int on_invalid_frame(nghttp2_session* session, const nghttp2_frame* frame, int error, void* user) {
    if (Exchange* exchange = exchange_of(session, frame->hd.stream_id)) exchange->malformed = true;
    endpoint_of(user).block_ = {};
    endpoint_of(user).count_reset();
    endpoint_of(user).on_malformed(error == NGHTTP2_ERR_REFUSED_STREAM ? "more streams at once than were allowed"
                                                                       : "a frame or its fields are malformed");
    return 0;
  }

  static int on_sent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    Http2Endpoint& endpoint = endpoint_of(user);
    if (frame->hd.type == NGHTTP2_DATA) endpoint.guard_.data();
    if (frame->hd.type == NGHTTP2_GOAWAY) endpoint.on_goaway_sent();
    if (!ends_stream(*frame)) return 0;
    Exchange* exchange = exchange_of(session, frame->hd.stream_id);
    if (exchange) exchange->out_is_sent = true;
    endpoint.on_sent_whole(frame->hd.stream_id);
    return 0;
  }

  // A request that never left: GOAWAY came first, or it was reset while it waited for its turn.
  static int on_not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
    Http2Endpoint& endpoint = endpoint_of(user);
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    for (auto& [exchange, owned] : endpoint.exchanges_) {
      if (exchange->id == frame->hd.stream_id && !exchange->closed)
        endpoint.closed(*exchange, Http2Error::refused_stream);
    }
    return 0;
  }
};

const nghttp2_session_callbacks& endpoint_callbacks() {
  static const nghttp2_session_callbacks* const made = [] {
    nghttp2_session_callbacks* callbacks = nullptr;
    if (nghttp2_session_callbacks_new(&callbacks) != 0) throw std::bad_alloc();
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, EndpointCallbacks::on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, EndpointCallbacks::on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, EndpointCallbacks::on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, EndpointCallbacks::on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, EndpointCallbacks::on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, EndpointCallbacks::on_stream_close);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, EndpointCallbacks::on_invalid_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, EndpointCallbacks::on_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, EndpointCallbacks::on_not_sent);
    return callbacks;
  }();
  return *made;
}

nghttp2_data_provider body_of(Exchange& exchange) {
  nghttp2_data_provider provider{};
  provider.source.ptr = &exchange;
  provider.read_callback = read_body;
  return provider;
}

}  // namespace sallyport
