#include "proxy/http2/endpoint.hpp"

#include "proxy/http2/endpoint_callbacks.hpp"
#include "proxy/http2/session_setup.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>

namespace sallyport {

using namespace asio::experimental::awaitable_operators;

namespace {

constexpr std::size_t read_bytes = 16 << 10;
constexpr std::size_t write_bytes = 32 << 10;  // of frames that are written at once

}  // namespace

void Http2Endpoint::SessionDeleter::operator()(nghttp2_session* session) const {
  nghttp2_session_del(session);
}

Http2Endpoint::Http2Endpoint(Role role, const Executor& executor, Stream& transport, const Http2Options& options)
    : options_(options),
      executor_(executor),
      transport_(transport),
      wakeup_(executor),
      session_(role == Role::server ? make_server_session(endpoint_callbacks(), options, this)
                                    : make_client_session(endpoint_callbacks(), options, this)),
      guard_(Clock::now()) {}

Http2Endpoint::~Http2Endpoint() = default;

// The callers' coroutine may be of those that throw once they are cancelled; here every wait says it by its answer, so
// that the end is always reached.
Task<> Http2Endpoint::run() {
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await (receive() && send());
  co_await hand_over_the_rest();
  co_await asio::this_coro::throw_if_cancelled(throws);
}

Task<> Http2Endpoint::receive() {
  co_await asio::this_coro::throw_if_cancelled(false);
  std::vector<std::uint8_t> buffer(read_bytes);
  const std::span<std::uint8_t> room(buffer);
  while (!over_) {
    const auto got = co_await transport_.read_some(room);
    if (over_) co_return;
    const bool fed = got && nghttp2_session_mem_recv(session(), buffer.data(), *got) >= 0;
    if (!fed) {
      orderly_ = !got && got.error() == asio::error::eof;
      over_ = true;
      if (!orderly_ || writing_) transport_.abort();
    }
    wake();
    if (nghttp2_session_want_read(session()) == 0) co_return;  // what is still to be written will be
  }
}

Task<> Http2Endpoint::send() {
  co_await asio::this_coro::throw_if_cancelled(false);
  while (!over_) {
    serve_touched();
    gather_output();
    if (over_) break;
    if (!output_.empty()) {
      co_await write_out();
      continue;
    }
    orderly_ = nghttp2_session_want_read(session()) == 0 && nghttp2_session_want_write(session()) == 0;
    if (orderly_) break;
    co_await wait_for_work();
  }
  over_ = true;
  if (orderly_) {
    transport_.finish();
    transport_.close();
  } else {
    transport_.abort();
  }
}

Task<> Http2Endpoint::write_out() {
  const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(output_.data()), output_.size());
  writing_ = true;
  const auto sent = co_await transport_.write(bytes);
  writing_ = false;
  output_.clear();
  if (!sent) {
    over_ = true;
    orderly_ = false;
  }
}

Task<> Http2Endpoint::wait_for_work() {
  const bool idle = exchanges_.empty();
  if (!woken_) {
    std::string().swap(output_);  // a quiet connection holds no buffer
    wakeup_.expires_at(idle ? Clock::now() + options_.idle : Clock::time_point::max());
    const auto [error] = co_await wakeup_.async_wait(no_throw);
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) {
      over_ = true;
      orderly_ = false;
    } else if (!error && idle) {
      close();
    }
  }
  woken_ = false;
}

// The connection is gone, but an answer that came whole is still read by whoever asked.
Task<> Http2Endpoint::hand_over_the_rest() {
  over_ = true;
  for (auto& [exchange, owned] : exchanges_) {
    if (!exchange->closed) closed(*exchange, Http2Error::connection_ended);
    touch(*exchange);
  }
  for (;;) {
    serve_touched();
    if (exchanges_.empty()) break;
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) break;
    woken_ = false;
    wakeup_.expires_at(Clock::time_point::max());
    const auto [error] = co_await wakeup_.async_wait(no_throw);
    static_cast<void>(error);
  }
  touched_.clear();
  exchanges_.clear();
  lingering_.clear();
}

void Http2Endpoint::serve_touched() {
  const auto touched = std::exchange(touched_, {});
  for (Exchange* exchange : touched) {
    exchange->touched = false;
    const std::size_t opened = exchange->flush_in();
    open_window(*exchange, opened);
    if (!exchange->closed) serve(*exchange);
    if (exchange->closed && (exchange->in_is_flushed() || !exchange->far().has_reader())) retire(*exchange);
  }
}

void Http2Endpoint::open_window(Exchange& exchange, std::size_t size) {
  if (size == 0) return;
  if (exchange.closed) {
    nghttp2_session_consume_connection(session(), size);
  } else {
    nghttp2_session_consume(session(), exchange.id, size);
    const std::size_t before = exchange.widened();
    const auto wider = exchange.wider_window(size, options_.widest_window);
    if (!wider) return;
    nghttp2_session_set_local_window_size(session(), NGHTTP2_FLAG_NONE, exchange.id, static_cast<std::int32_t>(*wider));
    widened_ += exchange.widened() - before;
    set_connection_window(session(), options_, widened_);
  }
}

void Http2Endpoint::retire(Exchange& exchange) {
  open_window(exchange, exchange.unopened());  // what nobody will read
  if (exchange.widened() > 0) {
    widened_ -= exchange.widened();
    set_connection_window(session(), options_, widened_);
  }
  if (exchange.in_is_whole()) exchange.far().finish();
  auto far = exchange.take_far();
  far->on_change(nullptr);
  if (far->has_peer()) lingering_.push_back(std::move(far));
  std::erase(touched_, &exchange);
  exchanges_.erase(&exchange);
}

std::size_t Http2Endpoint::count_lingering() {
  std::erase_if(lingering_, [](const auto& far) { return !far->has_peer(); });
  return lingering_.size();
}

void Http2Endpoint::gather_output() {
  while (output_.size() < write_bytes) {
    const std::uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session(), &data);
    if (size < 0) over_ = true;
    if (size <= 0) return;
    output_.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  }
}

Exchange& Http2Endpoint::add(std::unique_ptr<MemoryStream> far) {
  auto owned = std::make_unique<Exchange>(std::move(far), options_.stream_window, options_.window_budget);
  Exchange* exchange = owned.get();
  exchange->far().on_change([this, exchange] { touch(*exchange); });
  exchanges_.emplace(exchange, std::move(owned));
  touch(*exchange);
  return *exchange;
}

void Http2Endpoint::touch(Exchange& exchange) {
  if (exchange.touched) return;
  exchange.touched = true;
  touched_.push_back(&exchange);
  wake();
}

void Http2Endpoint::wake() {
  woken_ = true;
  wakeup_.cancel();
}

void Http2Endpoint::reset(std::int32_t id, Http2Error error) {
  // Resets that a client provokes are as cheap to it as its own.
  if (error == Http2Error::protocol_error || error == Http2Error::refused_stream) count_reset();
  nghttp2_submit_rst_stream(session(), NGHTTP2_FLAG_NONE, id, static_cast<std::uint32_t>(error));
  wake();
}

void Http2Endpoint::resume(Exchange& exchange) {
  if (!std::exchange(exchange.deferred, false)) return;
  nghttp2_session_resume_data(session(), exchange.id);
}

void Http2Endpoint::closed(Exchange& exchange, Http2Error error) {
  exchange.closed = true;
  on_close(exchange, error);
  touch(exchange);
}

void Http2Endpoint::close() {
  nghttp2_submit_goaway(session(), NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session()),
                        NGHTTP2_NO_ERROR, nullptr, 0);
  wake();
}

void Http2Endpoint::count_reset() {
  if (!guard_.reset(Clock::now())) give_up("too many streams were reset");
}

void Http2Endpoint::count_control() {
  if (!guard_.control(Clock::now())) give_up("too many frames that carry nothing");
}

void Http2Endpoint::give_up(std::string_view why) {
  if (given_up_) return;
  given_up_ = true;
  nghttp2_session_terminate_session(session(), NGHTTP2_ENHANCE_YOUR_CALM);
  on_malformed(why);
  wake();
}

}  // namespace sallyport
