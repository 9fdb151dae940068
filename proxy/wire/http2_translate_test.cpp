#include "proxy/wire/http2_translate.hpp"

#include <gtest/gtest.h>

namespace sallyport::wire {
namespace {

// What a client may not send is in proxy/http2/server_abuse_test.cpp, where it is sent; here is what neither side's
// library would let through to that place, and the other direction.

Fields request(Fields more = {}, std::string method = "GET", std::string path = "/") {
  Fields block{{":method", method}, {":scheme", "https"}, {":authority", "a.test"}, {":path", path}};
  block.insert(block.end(), more.begin(), more.end());
  return block;
}

std::string http1(const Fields& block, Body body = Body::none) {
  const auto head = request_to_http1(block, body, "https");
  return head ? head->bytes : std::string(sentence(head.error()));
}

std::string answer(const Fields& block, Body body = Body::follows, std::string_view method = "GET") {
  const auto head = response_to_http1(block, body, method);
  return head ? head->bytes : std::string(sentence(head.error()));
}

RequestHead parsed_request(std::string_view text) {
  const std::string bytes(text);
  return parse_request_head({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()})->value;
}
ResponseHead parsed_response(std::string_view text) {
  const std::string bytes(text);
  return parse_response_head({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, "GET")->value;
}

TEST(Http2Translate, S_8_3_1_HostMayStandForTheAuthority) {
  const Fields block{{":method", "GET"}, {":scheme", "https"}, {":path", "/"}, {"host", "b.test:8443"}};
  EXPECT_EQ(http1(block), "GET / HTTP/1.1\r\nhost: b.test:8443\r\n\r\n");
}

TEST(Http2Translate, S_8_3_1_HostAndAuthorityMayDifferInCaseAndTheUsualPort) {
  EXPECT_EQ(http1(request({{"host", "A.TEST:443"}})), "GET / HTTP/1.1\r\nhost: a.test\r\n\r\n");
  EXPECT_EQ(http1(request({{"host", "a.test:444"}})), sentence(BlockFault::host_mismatch));
}

TEST(Http2Translate, S_8_3_1_TheAsteriskIsForOptions) {
  EXPECT_EQ(http1(request({}, "OPTIONS", "*")), "OPTIONS * HTTP/1.1\r\nhost: a.test\r\n\r\n");
  EXPECT_EQ(http1(request({}, "GET", "*")), sentence(BlockFault::bad_path));
}

TEST(Http2Translate, S_8_2_3_CookiesAreJoined) {
  EXPECT_EQ(http1(request({{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}})),
            "GET / HTTP/1.1\r\nhost: a.test\r\nx: y\r\ncookie: a=1; b=2\r\n\r\n");
}

TEST(Http2Translate, S_8_2_1_NoControlReachesHttp1) {
  for (int c = 0; c < 0x100; ++c) {
    const std::string value = "a" + std::string(1, static_cast<char>(c)) + "b";
    const bool control = (c < 0x20 && c != '\t') || c == 0x7f;
    EXPECT_EQ(!request_to_http1(request({{"x", value}}), Body::none, "https"), control) << c;
    const bool in_path = c > 0x20 && c < 0x7f && c != '#';
    EXPECT_EQ(request_to_http1(request({}, "GET", "/" + value), Body::none, "https").has_value(), in_path) << c;
  }
}

TEST(Http2Translate, ALengthGoesOnAsALengthUnlessTrailersAreAnnounced) {
  const Fields length{{"content-length", "3"}};
  EXPECT_EQ(http1(request(length, "POST"), Body::follows),
            "POST / HTTP/1.1\r\nhost: a.test\r\ncontent-length: 3\r\n\r\n");
  const Fields both{{"content-length", "3"}, {"trailer", "x-sum"}};
  EXPECT_EQ(http1(request(both, "POST"), Body::follows),
            "POST / HTTP/1.1\r\nhost: a.test\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n");
  EXPECT_EQ(http1(request({{"content-length", "0"}}, "POST")),
            "POST / HTTP/1.1\r\nhost: a.test\r\ncontent-length: 0\r\n\r\n");
}

TEST(Http2Translate, S_8_3_2_AnAnswerNeedsOneStatusOfThreeDigits) {
  const std::vector<Fields> bad{{},
                                {{"x", "y"}},
                                {{":status", "20"}},
                                {{":status", "2000"}},
                                {{":status", "2x0"}},
                                {{":status", "099"}},
                                {{":status", "600"}},
                                {{":status", "101"}},
                                {{":status", "200"}, {":status", "200"}},
                                {{":status", "200"}, {":path", "/"}},
                                {{"x", "y"}, {":status", "200"}},
                                {{":status", "200\r\nx: y"}}};
  for (const Fields& block : bad) EXPECT_FALSE(response_to_http1(block, Body::follows, "GET"));
}

TEST(Http2Translate, H_22_NoAnswerSplitsAHead) {
  for (const std::string value : {"a\r\nset-cookie: b", "a\nb", "a\rb"}) {
    EXPECT_FALSE(response_to_http1({{":status", "200"}, {"x", value}}, Body::follows, "GET"));
  }
  EXPECT_FALSE(response_to_http1({{":status", "200"}, {"transfer-encoding", "chunked"}}, Body::follows, "GET"));
}

TEST(Http2Translate, AnAnswersBodyIsFramed) {
  EXPECT_EQ(answer({{":status", "200"}}), "HTTP/1.1 200 \r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n");
  EXPECT_EQ(answer({{":status", "200"}, {"content-length", "7"}}),
            "HTTP/1.1 200 \r\ncontent-length: 7\r\nconnection: close\r\n\r\n");
  EXPECT_EQ(answer({{":status", "200"}, {"grpc-status", "5"}}, Body::none),
            "HTTP/1.1 200 \r\ngrpc-status: 5\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
  EXPECT_EQ(answer({{":status", "200"}, {"content-length", "7"}}, Body::none, "HEAD"),
            "HTTP/1.1 200 \r\ncontent-length: 7\r\nconnection: close\r\n\r\n");
  EXPECT_EQ(answer({{":status", "304"}, {"content-length", "7"}}, Body::none),
            "HTTP/1.1 304 \r\ncontent-length: 7\r\nconnection: close\r\n\r\n");
  EXPECT_EQ(answer({{":status", "204"}}, Body::none), "HTTP/1.1 204 \r\nconnection: close\r\n\r\n");
  EXPECT_EQ(answer({{":status", "103"}, {"link", "</a>"}}), "HTTP/1.1 103 \r\nlink: </a>\r\n\r\n");
}

TEST(Http2Translate, S_8_1_AnInterimAnswerIsNeverTheLast) {
  EXPECT_FALSE(response_to_http1({{":status", "103"}}, Body::none, "GET"));
}

TEST(Http2Translate, S_8_2_2_WhatBelongsToAConnectionStaysOnIt) {
  const auto head = parsed_request(
      "GET /x?y=1 HTTP/1.1\r\nHost: A.test:8443\r\nConnection: close, X-Hop, TE\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n"
      "Upgrade: websocket\r\nProxy-Connection: x\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\nAccept: */*\r\n\r\n");
  const auto block = request_to_http2(head, "https");
  ASSERT_TRUE(block);
  EXPECT_EQ(*block, (Fields{{":method", "GET"},
                            {":scheme", "https"},
                            {":authority", "A.test:8443"},
                            {":path", "/x?y=1"},
                            {"accept", "*/*"},
                            {"te", "trailers"}}));
}

TEST(Http2Translate, S_8_3_1_OnlyTheOriginFormIsSentOn) {
  EXPECT_FALSE(request_to_http2(parsed_request("CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n"), "https"));
  EXPECT_FALSE(request_to_http2(parsed_request("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n"), "https"));
}

TEST(Http2Translate, AnAnswerGoesOutInLowerCase) {
  const auto block = response_to_http2(
      parsed_response("HTTP/1.1 200 Fine\r\nContent-Length: 3\r\nX-A: B\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\n"));
  ASSERT_TRUE(block);
  EXPECT_EQ(*block, (Fields{{":status", "200"}, {"content-length", "3"}, {"x-a", "B"}}));
  EXPECT_FALSE(response_to_http2(parsed_response("HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n")));
}

TEST(Http2Translate, H_23_TrailersNeverSayWhatAHeadSays) {
  const auto kept = trailers_from_http2({{"x-sum", "1"}, {"authorization", "no"}, {"content-length", "5"}});
  ASSERT_TRUE(kept);
  EXPECT_EQ(*kept, (Fields{{"x-sum", "1"}}));
  EXPECT_FALSE(trailers_from_http2({{":path", "/"}}));
  EXPECT_FALSE(trailers_from_http2({{"connection", "close"}}));
}

TEST(Http2Translate, CredentialsAreNeverIndexed) {
  EXPECT_TRUE(is_never_indexed({"authorization", "Bearer x"}));
  EXPECT_TRUE(is_never_indexed({"cookie", "a=1"}));
  EXPECT_FALSE(is_never_indexed({"accept", "*/*"}));
}

// Translating there and back is the identity for what HTTP/2 can say.
TEST(Http2Translate, ThereAndBackIsTheSameRequest) {
  const Fields block = request({{"accept", "*/*"}, {"content-length", "3"}, {"x-y", "\xc3\xa9"}}, "PUT", "/a?b");
  const auto head = request_to_http1(block, Body::follows, "https");
  ASSERT_TRUE(head);
  const auto back = request_to_http2(parsed_request(head->bytes), "https");
  ASSERT_TRUE(back);
  Fields expected = block;
  std::swap(expected[5], expected[6]);  // the framing is written last
  EXPECT_EQ(*back, expected);
}

}  // namespace
}  // namespace sallyport::wire
