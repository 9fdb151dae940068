#include "proxy/wire/http_forward.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::wire {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

boost::system::result<ForwardedHead, HeadFault> forward(std::string_view text, RequestForwarding how = {}) {
  const auto head = parse_request_head(bytes_of(text));
  if (!head) return head.error();
  if (how.authority.empty()) how.authority = "decided.test";
  return forward_request(head->value, how);
}

std::string sent(std::string_view lines, const RequestForwarding& how = {}) {
  const auto head = forward("GET /p?q HTTP/1.1\r\nHost: a.test\r\n" + std::string(lines) + "\r\n", how);
  EXPECT_TRUE(head.has_value()) << lines;
  return head ? head->bytes : "";
}

std::string answered(std::string_view text, const ResponseForwarding& how = {}, std::string_view method = "GET") {
  const auto head = parse_response_head(bytes_of(text), method);
  if (!head) return std::string(sentence(head.error()));
  const auto forwarded = forward_response(head->value, how);
  return forwarded ? forwarded->bytes : std::string(sentence(forwarded.error()));
}

TEST(ForwardRequest, H_13_WritesTheDecidedAuthority) {
  EXPECT_EQ(sent("Accept: */*\r\n"),
            "GET /p?q HTTP/1.1\r\nHost: decided.test\r\nAccept: */*\r\nVia: 1.1 sallyport\r\n\r\n");
  const auto absolute = forward("GET http://a.test:80/x HTTP/1.1\r\nHost: a.test\r\n\r\n");
  EXPECT_THAT(absolute->bytes, testing::StartsWith("GET /x HTTP/1.1\r\nHost: decided.test\r\n"));
}

TEST(ForwardRequest, WritesTheAbsoluteFormForAParentProxy) {
  const std::string head = sent("", {.form = SendForm::absolute, .parent_credentials = "Basic eA=="});
  EXPECT_THAT(head, testing::StartsWith("GET http://decided.test/p?q HTTP/1.1\r\nHost: decided.test\r\n"));
  EXPECT_THAT(head, HasSubstr("Proxy-Authorization: Basic eA==\r\n"));
  RequestForwarding parent{.authority = "decided.test", .form = SendForm::absolute};
  EXPECT_THAT(forward("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n", parent)->bytes,
              testing::StartsWith("OPTIONS http://decided.test HTTP/1.1\r\n"));
}

TEST(ForwardRequest, H_20_LeavesOutWhatIsMeantForTheProxy) {
  const std::string head = sent(
      "Connection: keep-alive, X-Private\r\nX-Private: 1\r\nKeep-Alive: 5\r\nProxy-Connection: keep-alive\r\n"
      "Proxy-Authorization: Basic eA==\r\nTE: gzip\r\nX-Forwarded-For: 1.2.3.4\r\nForwarded: for=1\r\nX-Real-IP: 1\r\n"
      "X-Sallyport-Agent: me\r\nX-Kept: yes\r\n");
  EXPECT_EQ(head, "GET /p?q HTTP/1.1\r\nHost: decided.test\r\nX-Kept: yes\r\nVia: 1.1 sallyport\r\n\r\n");
}

TEST(ForwardRequest, H_20_WontLetConnectionTakeAwayFramingOrHost) {
  for (const char* name : {"Host", "Content-Length", "Transfer-Encoding", "Authorization", "X-Forwarded-For"}) {
    const auto head = forward("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: " + std::string(name) + "\r\n\r\n");
    EXPECT_EQ(head.error(), HeadFault::bad_connection) << name;
  }
}

TEST(ForwardRequest, H_21_KeepsTheFramingOfAnyMethod) {
  EXPECT_THAT(sent("Transfer-Encoding: Chunked\r\nTrailer: X\r\n"),
              HasSubstr("\r\nTransfer-Encoding: chunked\r\n\r\n"));
  EXPECT_THAT(sent("Trailer: X\r\nTransfer-Encoding: chunked\r\n"), HasSubstr("Trailer: X\r\n"));
  EXPECT_THAT(sent("Content-Length: 0\r\n"), HasSubstr("Content-Length: 0\r\n"));
  EXPECT_THAT(sent(""), Not(HasSubstr("Content-Length")));
}

TEST(ForwardRequest, KeepsExpectAndTrailersAndClose) {
  const std::string head = sent("Expect: 100-continue\r\nTE: trailers, deflate;q=0.5\r\nConnection: TE\r\n",
                                {.persistence = Persistence::close});
  EXPECT_THAT(head, HasSubstr("Expect: 100-continue\r\n"));
  EXPECT_THAT(head, HasSubstr("TE: trailers\r\nConnection: close, TE\r\n"));
}

TEST(ForwardRequest, C_07_StripsH2cAndTlsAlways) {
  const std::string lines = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c, TLS/1.0\r\nHTTP2-Settings: AAMA\r\n";
  EXPECT_EQ(sent(lines), "GET /p?q HTTP/1.1\r\nHost: decided.test\r\nVia: 1.1 sallyport\r\n\r\n");
  const auto head = forward("GET / HTTP/1.1\r\nHost: a.test\r\n" + lines + "\r\n", {.upgrading = Upgrading::pass});
  EXPECT_EQ(head.error(), HeadFault::bad_upgrade);
}

TEST(ForwardRequest, C_08_PassesAnUpgradeOnlyWhenTold) {
  const std::string lines = "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\nSec-WebSocket-Key: x\r\n";
  EXPECT_THAT(sent(lines), Not(HasSubstr("Upgrade")));
  EXPECT_THAT(sent(lines, {.upgrading = Upgrading::pass}),
              HasSubstr("Sec-WebSocket-Key: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"));
}

TEST(ForwardRequest, I_13_SeesALoopByItsOwnName) {
  RequestForwarding how{.authority = "decided.test", .instance = "7f3a"};
  const auto loop = forward("GET / HTTP/1.1\r\nHost: a.test\r\nVia: 1.0 fred, 1.1 Sallyport-7f3a (x)\r\n\r\n", how);
  EXPECT_EQ(loop.error(), HeadFault::loop);
  EXPECT_EQ(http_status(HeadFault::loop), 508u);
  EXPECT_THAT(sent("Via: 1.1 sallyport-other\r\n", how), HasSubstr("Via: 1.1 sallyport-other, 1.1 sallyport-7f3a\r\n"));
}

TEST(ForwardRequest, PutsSetFieldsInPlaceOfTheClients) {
  const std::string head = sent("authorization: mine\r\n", {.set = {{"Authorization", "Bearer s"}}});
  EXPECT_THAT(head, HasSubstr("Authorization: Bearer s\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("mine")));
}

TEST(ForwardRequest, ForwardsWhatItWouldItselfUnderstandAlike) {
  const auto head = forward("POST /a?b HTTP/1.0\r\nHost: a.test\r\nContent-Length: 7\r\nA: b\r\n\r\n");
  const auto again = parse_request_head(bytes_of(head->bytes));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->consumed, head->bytes.size());
  EXPECT_EQ(again->value.raw_target, "/a?b");
  EXPECT_EQ(again->value.framing, head->framing);
  EXPECT_THAT(head->bytes, HasSubstr("Via: 1.0 sallyport\r\n"));
}

TEST(ForwardResponse, WritesFramingAnew) {
  EXPECT_EQ(answered("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\nKeep-Alive: 5\r\n"
                     "Proxy-Authenticate: Basic\r\nX-Sallyport-Approval: no\r\nETag: e\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nETag: e\r\nVia: 1.1 sallyport\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(answered("HTTP/1.1 200 OK\r\n\r\n"), "HTTP/1.1 200 OK\r\nConnection: close\r\nVia: 1.1 sallyport\r\n\r\n");
}

TEST(ForwardResponse, KeepsTheLengthOfABodyThatIsNotSent) {
  EXPECT_THAT(answered("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", {}, "HEAD"), HasSubstr("Content-Length: 3\r\n"));
}

TEST(ForwardResponse, EndsAChunkedBodyByClosingTowardsAnOldClient) {
  const std::string head = answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", {.client_minor = 0});
  EXPECT_THAT(head, Not(HasSubstr("Transfer-Encoding")));
  EXPECT_THAT(head, HasSubstr("Connection: close\r\n"));
}

TEST(ForwardResponse, H_22_PassesA101OnlyWhereOneWasAsked) {
  const std::string head = "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  EXPECT_EQ(answered(head), sentence(HeadFault::bad_upgrade));
  EXPECT_THAT(answered(head, {.upgrading = Upgrading::pass}),
              HasSubstr("Upgrade: websocket\r\nConnection: Upgrade\r\n"));
}

TEST(ForwardResponse, KeepsFramingThatTheServersConnectionNames) {
  EXPECT_THAT(answered("HTTP/1.1 200 OK\r\nConnection: Content-Type\r\nContent-Type: a/b\r\nContent-Length: 0\r\n\r\n"),
              HasSubstr("Content-Type: a/b\r\n"));
}

}  // namespace
}  // namespace sallyport::wire
