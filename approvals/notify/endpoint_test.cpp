#include "approvals/notify/endpoint.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport {
namespace {

using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;
using std::chrono::milliseconds;

// A server that takes one connection, says something, and then nothing more.
class EndpointTest : public testing::Test {
 protected:
  EndpointTest() : acceptor_(context_, {asio::ip::address_v4::loopback(), 0}), server_(context_) {}

  Outcome<Endpoint::Reply> post(const std::string& scheme, const std::string& said, Clock::duration limit) {
    const auto port = acceptor_.local_endpoint().port();
    auto url = parse_web_url(scheme + "127.0.0.1:" + std::to_string(port) + "/");
    Endpoint endpoint(resolver_, EndpointOptions{url.value(), "a secret of the test", {}, parent_});
    acceptor_.async_accept(server_, [this, &said](const error_code& error) {
      if (error) return;
      asio::async_write(server_, asio::buffer(said), [](const error_code&, std::size_t) {});
    });
    Outcome<Endpoint::Reply> result = Complaint{"it did not end"};
    asio::co_spawn(context_, endpoint.post("msg_1", "{}", limit),
                   [&](const std::exception_ptr& failure, Outcome<Endpoint::Reply> reply) {
                     EXPECT_FALSE(failure);
                     result = std::move(reply);
                     context_.stop();
                   });
    context_.run_for(std::chrono::seconds(10));
    context_.restart();
    return result;
  }

  asio::io_context context_{1};
  std::optional<EndpointParent> parent_;
  dns::Resolver resolver_{context_, dns::ResolverOptions{}};
  Acceptor acceptor_;
  Socket server_;
};

TEST_F(EndpointTest, ReadsAReply) {
  const auto reply = post("http://", "HTTP/1.1 429 Slow down\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno",
                          std::chrono::seconds(5));
  ASSERT_TRUE(reply.has_value()) << reply.error().text;
  EXPECT_EQ(reply->status, 429U);
  EXPECT_EQ(reply->body, "no");
  EXPECT_EQ(reply->retry_after, std::chrono::seconds(7));
}

TEST_F(EndpointTest, F_07_AParentProxyThatMisbehavesIsSaidSo) {
  parent_ = EndpointParent{Destination{Address::v4({127, 0, 0, 1}), acceptor_.local_endpoint().port()}, {}, false};
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"HTTP/1.1 407 No\r\n\r\n", "the parent proxy answered 407 to CONNECT"},
      {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "the parent proxy's answer is no HTTP"},
      {"HTTP/1.1 2\r\n\r\n", "the parent proxy's answer is no HTTP"},
      {"HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x'), "the parent proxy's answer is too long"},
      {"HTTP/1.1 200 OK\r\n", "nothing came back in time"}};
  for (const auto& [said, complaint] : cases) {
    const auto reply = post("https://", said, std::chrono::seconds(1));
    ASSERT_FALSE(reply.has_value()) << complaint;
    EXPECT_EQ(reply.error().text, complaint);
    server_.close();
  }
}

TEST_F(EndpointTest, GivesUpOnSilence) {
  for (const char* scheme : {"http://", "https://"}) {
    const auto reply = post(scheme, "", milliseconds(200));
    ASSERT_FALSE(reply.has_value());
    EXPECT_EQ(reply.error().text, "nothing came back in time") << scheme;
    server_.close();
  }
}

TEST_F(EndpointTest, GivesUpOnAReplyThatDoesNotEnd) {
  const auto reply = post("http://", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nno", milliseconds(200));
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().text, "nothing came back in time");
}

TEST_F(EndpointTest, RefusesWhatIsTooLargeOrNoHttp) {
  const std::string large = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
  const std::string endless = "HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x');
  for (const auto& said : {large, endless, std::string("SSH-2.0-OpenSSH_9.2\r\n")}) {
    const auto reply = post("http://", said, std::chrono::seconds(5));
    ASSERT_FALSE(reply.has_value());
    EXPECT_THAT(reply.error().text, testing::StartsWith("the reply is no HTTP")) << said.substr(0, 40);
    server_.close();
  }
}

TEST_F(EndpointTest, TalksTlsToNobodyElse) {
  const auto reply = post("https://", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", std::chrono::seconds(5));
  ASSERT_FALSE(reply.has_value());
  EXPECT_THAT(reply.error().text, testing::StartsWith("TLS failed: "));
}

}  // namespace
}  // namespace sallyport
