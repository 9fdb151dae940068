#include "proxy/inspection/tls_stream.hpp"

#include "certs/handles.hpp"
#include "net/peer_gone.hpp"

#include <boost/asio/write.hpp>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>

namespace sallyport {
namespace {

constexpr std::size_t read_at_once = 16 << 10;
// Encrypted at once, and then sent: what a slow peer makes us keep.
constexpr std::size_t written_at_once = 64 << 10;
constexpr auto goodbye_limit = std::chrono::seconds(5);

error_code cut_short() {
  return asio::error::connection_reset;
}

error_code broken() {
  return {EPROTO, boost::system::system_category()};
}

bool is_distrust(int reason) {
  return reason == SSL_R_TLSV1_ALERT_UNKNOWN_CA || reason == SSL_R_SSLV3_ALERT_BAD_CERTIFICATE ||
         reason == SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN || reason == SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE;
}

// OpenSSL's reasons from here on are alerts that came.
constexpr int first_alert = SSL_AD_REASON_OFFSET;

TlsTrouble trouble_of(ssl_st* ssl) {
  const unsigned long error = ERR_peek_error();
  const int reason = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
  std::string words = last_openssl_error();
  const long verified = SSL_get_verify_result(ssl);
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK)
    return {TlsTrouble::Kind::certificate, X509_verify_cert_error_string(verified)};
  if (is_distrust(reason)) return {TlsTrouble::Kind::distrust, std::move(words)};
  if (reason >= first_alert) return {TlsTrouble::Kind::alert, std::move(words)};
  return {TlsTrouble::Kind::protocol, std::move(words)};
}

}  // namespace

void FreeSsl::operator()(ssl_st* ssl) const {
  SSL_free(ssl);
}

struct TlsStream::State : std::enable_shared_from_this<State> {
  State(Ssl ssl_end, Connection connection)
      : below(std::move(connection)), ssl(std::move(ssl_end)), flushed(below.socket.get_executor()) {
    incoming = BIO_new(BIO_s_mem());
    outgoing = BIO_new(BIO_s_mem());
    if (!incoming || !outgoing) {
      BIO_free(incoming);
      BIO_free(outgoing);
      throw std::runtime_error("no memory for TLS");
    }
    SSL_set_bio(ssl.get(), incoming, outgoing);
    const auto early = below.unread();
    if (!early.empty()) BIO_write(incoming, early.data(), static_cast<int>(early.size()));
    below.consume(early.size());
  }

  bool has_output() const { return BIO_ctrl_pending(outgoing) > 0; }

  // The next bytes to send; empty: none.
  std::size_t take_output() {
    const std::size_t size = std::min(BIO_ctrl_pending(outgoing), written_at_once);
    sending.resize(size);
    const int got = size == 0 ? 0 : BIO_read(outgoing, sending.data(), static_cast<int>(size));
    sending.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return sending.size();
  }

  // What has come so far without waiting: bytes, or 0 at the end, or -1 where there is nothing or it broke.
  ssize_t receive() {
    thread_local std::array<std::uint8_t, read_at_once> bytes;
    const ssize_t got = ::recv(below.socket.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    const int fault = errno;
    if (got > 0) BIO_write(incoming, bytes.data(), static_cast<int>(got));
    errno = fault;
    return got;
  }

  void send_end() {
    error_code ignored;
    below.socket.shutdown(Socket::shutdown_send, ignored);
  }

  // Sends what is left behind everything written, then the FIN, without anybody waiting. Closing ends it.
  void send_goodbye() {
    saying_goodbye = take_output() > 0;
    if (!saying_goodbye) {
      send_end();
      if (closing) close();
      return;
    }
    flushing = true;
    asio::async_write(below.socket, asio::buffer(sending), [self = shared_from_this()](error_code error, std::size_t) {
      self->flushing = false;
      self->flushed.cancel();
      if (!error) return self->send_goodbye();
      self->saying_goodbye = false;
      if (self->closing) self->close();
    });
  }

  // A goodbye that the peer is slow to take is given a moment: without it, a body that ends with the connection would
  // look cut short.
  void close_after_goodbye() {
    closing = true;
    flushed.expires_after(goodbye_limit);
    flushed.async_wait([self = shared_from_this()](error_code error) {
      if (!error) self->close();
    });
  }

  void close() {
    below.close();
    flushed.cancel();
  }

  Connection below;
  Ssl ssl;
  BIO* incoming = nullptr;  // ssl's
  BIO* outgoing = nullptr;
  std::vector<std::uint8_t> sending;
  Timer flushed;  // cancelled when somebody has flushed
  bool flushing = false;
  bool finishing = false;  // finish() came while somebody flushed, who then ends it
  bool saying_goodbye = false;
  bool closing = false;  // once the goodbye has been said
  bool failed = false;   // nothing more can be written
};

TlsStream::TlsStream(Ssl ssl, Connection over) : state_(std::make_shared<State>(std::move(ssl), std::move(over))) {}

TlsStream::~TlsStream() {
  close();
}

Task<std::optional<TlsTrouble>> TlsStream::handshake() {
  State& state = *state_;
  for (;;) {
    ERR_clear_error();
    const int done = SSL_do_handshake(state.ssl.get());
    const int want = SSL_get_error(state.ssl.get(), done);
    std::optional<TlsTrouble> trouble;
    if (done != 1 && want != SSL_ERROR_WANT_READ) trouble = trouble_of(state.ssl.get());
    // Also where it failed: the other side is told by an alert.
    const auto sent = co_await flush();
    if (trouble) co_return trouble;
    if (!sent) co_return TlsTrouble{TlsTrouble::Kind::closed, sent.error().message()};
    if (done == 1) co_return std::nullopt;
    const auto filled = co_await fill();
    if (!filled) co_return TlsTrouble{TlsTrouble::Kind::closed, "the other side ended the connection"};
  }
}

std::string TlsStream::version() const {
  const std::string name = SSL_get_version(state_->ssl.get());
  constexpr std::string_view prefix = "TLSv";
  return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

std::string TlsStream::alpn() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(state_->ssl.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string TlsStream::server_name() const {
  const char* name = SSL_get_servername(state_->ssl.get(), TLSEXT_NAMETYPE_host_name);
  return name ? name : "";
}

Task<Result<std::size_t>> TlsStream::read_some(std::span<std::uint8_t> into) {
  State& state = *state_;
  for (;;) {
    ERR_clear_error();
    std::size_t got = 0;
    const int done = SSL_read_ex(state.ssl.get(), into.data(), into.size(), &got);
    const int want = SSL_get_error(state.ssl.get(), done);
    // Reading may have to answer: a KeyUpdate, or an alert.
    if (state.has_output() && !state.flushing) {
      const auto sent = co_await flush();
      if (!sent && done != 1) co_return sent.error();
    }
    if (done == 1) co_return got;
    if (want == SSL_ERROR_ZERO_RETURN) co_return error_code(asio::error::eof);
    if (want != SSL_ERROR_WANT_READ) co_return broken();
    const auto filled = co_await fill();
    if (!filled) co_return filled.error();
  }
}

Task<Result<void>> TlsStream::fill() {
  State& state = *state_;
  for (;;) {
    const auto [error] = co_await state.below.socket.async_wait(Socket::wait_read, no_throw);
    if (error) co_return error;
    const ssize_t got = state.receive();
    if (got > 0) co_return Result<void>();
    if (got == 0) co_return cut_short();
    if (errno != EAGAIN && errno != EINTR) co_return error_code(errno, boost::system::system_category());
  }
}

Task<Result<void>> TlsStream::write(std::span<const std::uint8_t> bytes) {
  State& state = *state_;
  while (!bytes.empty()) {
    if (state.failed) co_return broken();
    ERR_clear_error();
    const auto now = bytes.first(std::min(bytes.size(), written_at_once));
    std::size_t taken = 0;
    if (SSL_write_ex(state.ssl.get(), now.data(), now.size(), &taken) != 1) co_return broken();
    bytes = bytes.subspan(taken);
    const auto sent = co_await flush();
    if (!sent) co_return sent.error();
  }
  co_return Result<void>();
}

// Sends what OpenSSL has to say. Whoever comes while another one does it waits, so that records keep their order.
Task<Result<void>> TlsStream::flush() {
  State& state = *state_;
  while (state.flushing) {
    state.flushed.expires_at(Timer::time_point::max());
    const auto [woken] = co_await state.flushed.async_wait(no_throw);
    static_cast<void>(woken);
  }
  struct Turn {
    State& state;
    bool whole = false;
    explicit Turn(State& of) : state(of) { state.flushing = true; }
    ~Turn() {
      state.flushing = false;
      // Cancelled in the middle of a record: nothing that follows could be understood.
      if (!whole) state.failed = true;
      state.flushed.cancel();
    }
  };
  if (state.failed) co_return broken();
  Turn turn(state);
  while (state.take_output() > 0) {
    const auto bytes = asio::buffer(state.sending);
    const auto [error, size] = co_await asio::async_write(state.below.socket, bytes, no_throw);
    if (error) co_return error;
  }
  turn.whole = true;
  std::vector<std::uint8_t>().swap(state.sending);
  if (state.finishing) state.send_end();
  co_return Result<void>();
}

void TlsStream::finish() {
  if (state_->failed || state_->finishing || !state_->below.socket.is_open()) return;
  state_->finishing = true;
  ERR_clear_error();
  SSL_shutdown(state_->ssl.get());
  if (!state_->flushing) state_->send_goodbye();
}

void TlsStream::abort() {
  state_->failed = true;
  state_->closing = true;
  state_->below.abort();
  state_->flushed.cancel();
}

void TlsStream::stop_reading() {
  state_->below.stop_reading();
}

void TlsStream::close() {
  if (state_->closing) return;
  state_->failed = true;
  if (state_->saying_goodbye) return state_->close_after_goodbye();
  state_->close();
}

// Session tickets and the like may come at any time and mean nothing.
bool TlsStream::is_quiet() {
  State& state = *state_;
  if (state.failed || !state.below.socket.is_open()) return false;
  for (;;) {
    ERR_clear_error();
    std::uint8_t byte = 0;
    std::size_t got = 0;
    const int done = SSL_peek_ex(state.ssl.get(), &byte, 1, &got);
    if (done == 1 || SSL_get_error(state.ssl.get(), done) != SSL_ERROR_WANT_READ) return false;
    const ssize_t received = state.receive();
    if (received == 0) return false;
    if (received < 0) return errno == EAGAIN || errno == EINTR;
  }
}

Task<Result<void>> TlsStream::gone(PeerWatch& watch) {
  return watch.gone(state_->below.socket);
}

}  // namespace sallyport
