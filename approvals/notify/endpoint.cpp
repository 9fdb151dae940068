#include "approvals/notify/endpoint.hpp"

#include "approvals/notify/parent_tunnel.hpp"
#include "approvals/notify/signature.hpp"
#include "net/happy_eyeballs.hpp"
#include "net/within.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <stdexcept>
#include <vector>

namespace sallyport {
namespace {

namespace http = boost::beast::http;
namespace ssl = asio::ssl;
using TlsStream = ssl::stream<Socket>;

constexpr std::uint32_t largest_head = 16 << 10;
constexpr std::uint64_t largest_body = 64 << 10;
constexpr std::size_t read_size = 4096;
constexpr std::chrono::seconds longest_retry_after = std::chrono::minutes(10);

std::chrono::seconds retry_after_of(std::string_view text) {
  unsigned seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return std::min(std::chrono::seconds(seconds), longest_retry_after);
}

// A reply as it comes in, bounded whatever is sent.
class Incoming {
 public:
  Incoming() {
    parser_.header_limit(largest_head);
    parser_.body_limit(largest_body);
    parser_.eager(true);
  }
  bool done() const { return parser_.is_done(); }
  error_code take(std::string_view bytes) {
    pending_.append(bytes);
    error_code error;
    while (!pending_.empty() && !parser_.is_done()) {
      const std::size_t used = parser_.put(asio::buffer(pending_), error);
      pending_.erase(0, used);
      if (error == http::error::need_more) return {};
      if (error || used == 0) return error;
    }
    return error;
  }
  error_code end() {
    error_code error;
    parser_.put_eof(error);
    if (!error && !parser_.is_done()) error = http::error::partial_message;
    return error;
  }
  Endpoint::Reply reply() {
    auto& message = parser_.get();
    const auto field = message[http::field::retry_after];
    return {message.result_int(), std::move(message.body()), retry_after_of({field.data(), field.size()})};
  }

 private:
  http::response_parser<http::string_body> parser_;
  std::string pending_;
};

Complaint talk_failed(const char* what, const error_code& error) {
  return Complaint{what, ": ", error.message()};
}

template <class Stream>
Task<Outcome<Endpoint::Reply>> converse(Stream& stream, const std::string& request) {
  const auto out = asio::buffer(request);
  const auto [unsent, sent] = co_await asio::async_write(stream, out, no_throw);
  if (unsent) co_return talk_failed("the request could not be sent", unsent);
  Incoming incoming;
  std::vector<char> bytes(read_size);
  const auto in = asio::buffer(bytes);
  while (!incoming.done()) {
    const auto [broken, size] = co_await stream.async_read_some(in, no_throw);
    error_code wrong;
    if (broken == asio::error::eof) {
      wrong = incoming.end();
    } else if (broken) {
      co_return talk_failed("the reply broke off", broken);
    } else {
      wrong = incoming.take({bytes.data(), size});
    }
    if (wrong) co_return talk_failed("the reply is no HTTP that can be read", wrong);
  }
  co_return incoming.reply();
}

std::string why_untrusted(TlsStream& stream, const error_code& error) {
  const long verdict = SSL_get_verify_result(stream.native_handle());
  return verdict == X509_V_OK ? error.message() : X509_verify_cert_error_string(verdict);
}

// The name that must be in the certificate; SNI for names only (RFC 6066, 3).
bool expect_host(TlsStream& stream, const Host& host) {
  SSL* const handle = stream.native_handle();
  const std::string text = host.text();
  if (host.address()) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(handle), text.c_str()) == 1;
  std::string sni = text;
  return SSL_set1_host(handle, text.c_str()) == 1 &&
         SSL_ctrl(handle, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, sni.data()) == 1;
}

std::vector<Address> own_addresses() {
  return {Address::v4({127, 0, 0, 1}), *Address::parse("::1")};
}

asio::ip::tcp::endpoint endpoint_of(const Address& address, std::uint16_t port) {
  return {asio::ip::make_address(address.text()), port};
}

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};

}  // namespace

struct Endpoint::Trust {
  ssl::context context{ssl::context::tls_client};
};

bool are_certificates(const std::string& pem) {
  const std::unique_ptr<BIO, FreeBio> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::size_t found = 0;
  while (bio) {
    X509* const one = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr);
    if (one == nullptr) break;
    X509_free(one);
    ++found;
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  return found > 0 && at_end;
}

Endpoint::Endpoint(dns::Resolver& resolver, EndpointOptions options)
    : resolver_(resolver), options_(std::move(options)) {
  if (!options_.url.tls) return;
  trust_ = std::make_unique<Trust>();
  ssl::context& context = trust_->context;
  context.set_options(ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
  context.set_verify_mode(ssl::verify_peer);
  context.set_default_verify_paths();
  if (!options_.roots.empty()) context.add_certificate_authority(asio::buffer(options_.roots));
}

Endpoint::~Endpoint() = default;

std::string Endpoint::request(const std::string& id, const std::string& body) const {
  const std::string timestamp = std::to_string(std::time(nullptr));
  const bool to_parent = options_.parent && !tunnels();
  std::string text = "POST " + (to_parent ? options_.url.origin() : "") + options_.url.target +
                     " HTTP/1.1\r\nHost: " + options_.url.authority() +
                     "\r\nUser-Agent: sallyport/" SALLYPORT_VERSION
                     "\r\nContent-Type: application/json\r\nAccept: application/json\r\nConnection: close"
                     "\r\nContent-Length: " +
                     std::to_string(body.size());
  if (to_parent && !options_.parent->credentials.empty())
    text += "\r\nProxy-Authorization: " + options_.parent->credentials;
  if (!id.empty()) text += "\r\nwebhook-id: " + id + "\r\nwebhook-timestamp: " + timestamp;
  if (!options_.secret.empty())
    text += "\r\nwebhook-signature: " + webhook_signature(options_.secret, id, timestamp, body);
  return text + "\r\n\r\n" + body;
}

bool Endpoint::tunnels() const {
  return options_.parent && (options_.url.tls || !options_.parent->absolute_form);
}

Task<Outcome<Socket>> Endpoint::connect(Clock::duration limit) {
  const Destination& at = options_.parent ? options_.parent->at : options_.url.at;
  std::vector<Address> addresses;
  if (const Address* literal = at.host.address()) {
    addresses.push_back(*literal);
  } else if (at.host.name()->text() == "localhost") {
    addresses = own_addresses();
  } else {
    const HostName name = *at.host.name();
    auto answer = co_await resolver_.resolve(name);
    if (!answer) co_return talk_failed("its name was not found", answer.error());
    addresses = std::move(answer->addresses);
  }
  std::vector<asio::ip::tcp::endpoint> endpoints;
  endpoints.reserve(addresses.size());
  for (const auto& address : addresses) endpoints.push_back(endpoint_of(address, at.port));
  ConnectOptions options;
  options.limit = limit;
  auto socket = co_await connect_any(std::move(endpoints), std::move(options));
  if (!socket) co_return talk_failed("connecting failed", socket.error());
  if (tunnels()) {
    const std::string target = options_.url.at.text();
    const auto opened = co_await open_parent_tunnel(*socket, target, options_.parent->credentials);
    if (!opened) co_return opened.error();
  }
  co_return std::move(*socket);
}

Task<Result<Outcome<Endpoint::Reply>>> Endpoint::attempt(std::string request, Clock::duration limit) {
  auto socket = co_await connect(limit);
  if (!socket) co_return Outcome<Reply>(socket.error());
  if (!trust_) {
    auto reply = co_await converse(*socket, request);
    co_return std::move(reply);
  }
  TlsStream stream(std::move(*socket), trust_->context);
  if (!expect_host(stream, options_.url.at.host))
    co_return Outcome<Reply>(Complaint{"its host name fits no certificate"});
  const auto [error] = co_await stream.async_handshake(ssl::stream_base::client, no_throw);
  if (error) co_return Outcome<Reply>(Complaint{"TLS failed: ", why_untrusted(stream, error)});
  auto reply = co_await converse(stream, request);
  co_return std::move(reply);
}

Task<Outcome<Endpoint::Reply>> Endpoint::post(std::string id, std::string body, Clock::duration limit) {
  auto work = attempt(request(id, body), limit);
  auto done = co_await within(limit, std::move(work));
  if (!done) co_return Complaint{"nothing came back in time"};
  co_return std::move(*done);
}

}  // namespace sallyport
