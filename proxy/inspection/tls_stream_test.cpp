#include "proxy/inspection/tls_test_support.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <openssl/ssl.h>

namespace sallyport::test {
namespace {

using namespace asio::experimental::awaitable_operators;
using sallyport::testing::run_to_end;

constexpr auto patience = std::chrono::seconds(5);

Task<> serve(const Inspection& inspection, Connection raw, Host host, std::optional<Secured>& into) {
  auto secured = co_await inspection.accept(std::move(raw), std::move(host), Protocols::http1, patience);
  into.emplace(std::move(secured));
}

Task<> call(const Inspection& inspection, Connection raw, Host host, std::optional<Secured>& into) {
  auto secured = co_await inspection.connect(std::move(raw), std::move(host), Protocols::http1, patience);
  into.emplace(std::move(secured));
}

struct TlsStreamTest : ::testing::Test {
  void shake_hands(const std::string& shown, const std::string& wanted) {
    Connection near_end(std::move(ends.sockets.first));
    Connection far_end(std::move(ends.sockets.second));
    auto caller = call(*ground.inspection, std::move(near_end), host_of(wanted), ends.client);
    auto server = serve(*ground.inspection, std::move(far_end), host_of(shown), ends.server);
    run_to_end(ends.context, both(std::move(caller), std::move(server)));
  }
  static Task<> both(Task<> one, Task<> other) { co_await (std::move(one) && std::move(other)); }

  TlsStream& client() { return ***ends.client; }
  TlsStream& server() { return ***ends.server; }

  Ground ground;
  Ends ends;
};

Task<> send(Stream& stream, std::string text, bool& sent) {
  const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  const auto done = co_await stream.write(bytes);
  sent = done.has_value();
}

// Until `size` bytes have come or the stream ends.
Task<> receive(Stream& stream, std::size_t size, std::string& got, error_code& end) {
  std::vector<std::uint8_t> bytes(8192);
  const std::span<std::uint8_t> into(bytes);
  while (got.size() < size) {
    const auto more = co_await stream.read_some(into);
    if (!more) {
      end = more.error();
      co_return;
    }
    got.append(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(*more));
  }
}

TEST_F(TlsStreamTest, ShakesHandsForTheHostThatIsWantedAndAgreesOnHttp1) {
  shake_hands("allowed.test", "allowed.test");
  ASSERT_TRUE(ends.client->has_value()) << ends.client->error().sentence;
  ASSERT_TRUE(ends.server->has_value()) << ends.server->error().sentence;
  EXPECT_EQ(client().version(), "1.3");
  EXPECT_EQ(client().alpn(), "http/1.1");
  EXPECT_EQ(server().alpn(), "http/1.1");
}

TEST_F(TlsStreamTest, T_23_TakesNoCertificateOfAnotherHost) {
  shake_hands("other.test", "allowed.test");
  ASSERT_FALSE(ends.client->has_value());
  EXPECT_EQ(ends.client->error().kind, TlsTrouble::Kind::certificate);
  EXPECT_THAT(ends.client->error().sentence, ::testing::HasSubstr("hostname mismatch"));
  ASSERT_FALSE(ends.server->has_value());
  EXPECT_EQ(ends.server->error().kind, TlsTrouble::Kind::distrust);
}

TEST_F(TlsStreamTest, TakesACertificateOfAnAddressForThatAddressAlone) {
  shake_hands("192.0.2.1", "192.0.2.2");
  ASSERT_FALSE(ends.client->has_value());
  EXPECT_EQ(ends.client->error().kind, TlsTrouble::Kind::certificate);
}

TEST_F(TlsStreamTest, ProvesAnAddress) {
  shake_hands("192.0.2.1", "192.0.2.1");
  EXPECT_TRUE(ends.client->has_value());
}

TEST(TlsStream, TrustsNobodyWhomItWasNotToldToTrust) {
  const Ground ground(false);
  Ends ends;
  Connection near_end(std::move(ends.sockets.first));
  Connection far_end(std::move(ends.sockets.second));
  auto caller = call(*ground.inspection, std::move(near_end), host_of("allowed.test"), ends.client);
  auto server = serve(*ground.inspection, std::move(far_end), host_of("allowed.test"), ends.server);
  run_to_end(ends.context, TlsStreamTest::both(std::move(caller), std::move(server)));
  ASSERT_FALSE(ends.client->has_value());
  EXPECT_EQ(ends.client->error().kind, TlsTrouble::Kind::certificate);
  ASSERT_FALSE(ends.server->has_value());
  EXPECT_EQ(ends.server->error().kind, TlsTrouble::Kind::distrust);
}

TEST_F(TlsStreamTest, MovesMoreThanAnyBufferHoldsBothWaysAtOnce) {
  shake_hands("allowed.test", "allowed.test");
  ASSERT_TRUE(ends.client->has_value() && ends.server->has_value());
  const std::string up(3 << 20, 'u'), down(3 << 20, 'd');
  std::string up_got, down_got;
  bool up_sent = false, down_sent = false;
  error_code up_end, down_end;
  auto upward = both(send(client(), up, up_sent), receive(server(), up.size(), up_got, up_end));
  auto downward = both(send(server(), down, down_sent), receive(client(), down.size(), down_got, down_end));
  run_to_end(ends.context, both(std::move(upward), std::move(downward)));
  EXPECT_TRUE(up_sent && down_sent);
  EXPECT_EQ(up_got, up);
  EXPECT_EQ(down_got, down);
}

TEST_F(TlsStreamTest, FinishingEndsOneDirectionAndTheOtherLives) {
  shake_hands("allowed.test", "allowed.test");
  client().finish();
  std::string got;
  error_code end;
  run_to_end(ends.context, receive(server(), 1, got, end));
  EXPECT_EQ(end, asio::error::eof);
  bool sent = false;
  std::string answer;
  run_to_end(ends.context, both(send(server(), "still here", sent), receive(client(), 10, answer, end)));
  EXPECT_EQ(answer, "still here");
}

TEST_F(TlsStreamTest, AnEndWithoutCloseNotifyIsNoOrderlyEnd) {
  shake_hands("allowed.test", "allowed.test");
  client().close();
  std::string got;
  error_code end;
  run_to_end(ends.context, receive(server(), 1, got, end));
  EXPECT_TRUE(end && end != asio::error::eof) << end.message();
}

Task<> receive_until(Stream& stream, const bool& enough, std::string& got) {
  std::vector<std::uint8_t> bytes(512);
  const std::span<std::uint8_t> into(bytes);
  while (!enough) {
    const auto more = co_await stream.read_some(into);
    if (!more) co_return;
    got.append(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(*more));
  }
}

// How much room the last byte leaves is the kernel's secret: of some of these sizes it leaves none.
class SlowPeer : public TlsStreamTest, public ::testing::WithParamInterface<std::size_t> {};

TEST_P(SlowPeer, GetsTheGoodbyeToo) {
  ends.sockets.first.set_option(asio::socket_base::receive_buffer_size(1));
  ends.sockets.second.set_option(asio::socket_base::send_buffer_size(1));
  shake_hands("allowed.test", "allowed.test");
  ASSERT_TRUE(ends.client->has_value() && ends.server->has_value());
  const std::string body(GetParam(), 'b');
  std::string got;
  bool sent = false;
  run_to_end(ends.context, both(send(server(), body, sent), receive_until(client(), sent, got)));
  server().finish();
  ends.server.reset();  // while the last bytes wait for room
  error_code end;
  run_to_end(ends.context, receive(client(), body.size() + 1, got, end));
  EXPECT_EQ(got, body);
  EXPECT_EQ(end, asio::error::eof);
}

INSTANTIATE_TEST_SUITE_P(OfManySizes, SlowPeer, ::testing::Range<std::size_t>(20'000, 40'000, 1'300));

TEST_F(TlsStreamTest, AbortingEndsAReadThatWaits) {
  shake_hands("allowed.test", "allowed.test");
  std::string got;
  error_code end;
  asio::post(ends.context, [this] { client().abort(); });
  run_to_end(ends.context, receive(client(), 1, got, end));
  EXPECT_TRUE(end);
}

TEST_F(TlsStreamTest, StoppingToReadEndsAReadThatWaitsAndWritingGoesOn) {
  shake_hands("allowed.test", "allowed.test");
  std::string got, answer;
  error_code end;
  asio::post(ends.context, [this] { client().stop_reading(); });
  run_to_end(ends.context, receive(client(), 1, got, end));
  EXPECT_TRUE(end);
  bool sent = false;
  run_to_end(ends.context, both(send(client(), "said", sent), receive(server(), 4, answer, end)));
  EXPECT_EQ(answer, "said");
}

TEST_F(TlsStreamTest, IsQuietUntilItsPeerSpeaksOrLeaves) {
  shake_hands("allowed.test", "allowed.test");
  EXPECT_TRUE(client().is_quiet());
  bool sent = false;
  run_to_end(ends.context, send(server(), "x", sent));
  EXPECT_FALSE(client().is_quiet());
  EXPECT_TRUE(server().is_quiet());
  client().close();
  // What has been sent arrives at once on loopback, the FIN with it.
  EXPECT_FALSE(server().is_quiet());
}

Task<> knock(const Inspection& inspection, Socket raw, std::optional<Secured>& into) {
  Connection connection(std::move(raw));
  auto secured = co_await inspection.accept(std::move(connection), host_of("allowed.test"), Protocols::http1, patience);
  into.emplace(std::move(secured));
}

TEST(TlsStream, SaysOfAClientThatLeavesAtTheCertificateThatItLeft) {
  const Ground ground;
  Ends ends;
  ends.sockets.first.close();
  run_to_end(ends.context, knock(*ground.inspection, std::move(ends.sockets.second), ends.server));
  ASSERT_FALSE(ends.server->has_value());
  EXPECT_EQ(ends.server->error().kind, TlsTrouble::Kind::closed);
}

TEST(TlsStream, TakesNoBytesThatAreNoTls) {
  const Ground ground;
  Ends ends;
  asio::write(ends.sockets.first, asio::buffer(std::string_view("GET / HTTP/1.1\r\n\r\n")));
  run_to_end(ends.context, knock(*ground.inspection, std::move(ends.sockets.second), ends.server));
  ASSERT_FALSE(ends.server->has_value());
  EXPECT_EQ(ends.server->error().kind, TlsTrouble::Kind::protocol);
}

Task<> knock_briefly(const Inspection& inspection, Socket raw, std::optional<Secured>& into) {
  Connection connection(std::move(raw));
  const Clock::duration moment = std::chrono::milliseconds(5);
  auto secured = co_await inspection.accept(std::move(connection), host_of("allowed.test"), Protocols::http1, moment);
  into.emplace(std::move(secured));
}

TEST(TlsStream, WaitsForAHandshakeNoLongerThanItsLimit) {
  const Ground ground;
  Ends ends;
  run_to_end(ends.context, knock_briefly(*ground.inspection, std::move(ends.sockets.second), ends.server));
  ASSERT_FALSE(ends.server->has_value());
  EXPECT_EQ(ends.server->error().kind, TlsTrouble::Kind::timeout);
}

// Asks for one name, and after the HelloRetryRequest that its odd group brings, for another.
struct Turncoat {
  Turncoat() : context(SSL_CTX_new(TLS_client_method())), ssl(SSL_new(context)) {
    SSL_set1_groups_list(ssl, "P-521:X25519");
    SSL_set_tlsext_host_name(ssl, "allowed.test");
    SSL_set_msg_callback(ssl, [](int sends, int, int type, const void* bytes, std::size_t size, SSL* by, void*) {
      constexpr std::uint8_t server_hello = 2;
      const bool hello =
          type == SSL3_RT_HANDSHAKE && size > 0 && *static_cast<const std::uint8_t*>(bytes) == server_hello;
      if (sends == 0 && hello) SSL_set_tlsext_host_name(by, "other.test");
    });
    SSL_set_connect_state(ssl);
  }
  ~Turncoat() { SSL_CTX_free(context); }
  Turncoat(const Turncoat&) = delete;
  Turncoat& operator=(const Turncoat&) = delete;
  SSL_CTX* context;
  SSL* ssl;
};

Task<> shake(TlsStream& stream) {
  const auto trouble = co_await stream.handshake();
  static_cast<void>(trouble);
}

TEST(TlsStream, T_20_ASecondClientHelloMayNotAskForAnotherName) {
  const Ground ground;
  Ends ends;
  const Turncoat turncoat;
  TlsStream caller(Ssl(turncoat.ssl), Connection(std::move(ends.sockets.first)));
  Connection far_end(std::move(ends.sockets.second));
  auto server = serve(*ground.inspection, std::move(far_end), host_of("allowed.test"), ends.server);
  run_to_end(ends.context, TlsStreamTest::both(shake(caller), std::move(server)));
  ASSERT_FALSE(ends.server->has_value());
  EXPECT_THAT(ends.server->error().sentence, ::testing::HasSubstr("another name"));
}

Task<> read_ahead(Connection& connection, std::size_t size) {
  while (connection.unread().size() < size) {
    const auto more = co_await connection.read_more(64 << 10);
    if (!more) co_return;
  }
}

TEST(TlsStream, BeginsWithWhatWasReadOfTheHelloBefore) {
  const Ground ground;
  Ends ends;
  Connection near_end(std::move(ends.sockets.first));
  Connection far_end(std::move(ends.sockets.second));
  auto caller = call(*ground.inspection, std::move(near_end), host_of("allowed.test"), ends.client);
  const auto then_serve = [&]() -> Task<> {
    co_await read_ahead(far_end, 100);
    co_await serve(*ground.inspection, std::move(far_end), host_of("allowed.test"), ends.server);
  };
  auto server = then_serve();
  run_to_end(ends.context, TlsStreamTest::both(std::move(caller), std::move(server)));
  EXPECT_TRUE(ends.client->has_value() && ends.server->has_value());
}

}  // namespace
}  // namespace sallyport::test
