// What a client may not do, by section of RFC 9113, and what it may do only so often.
#include "proxy/http2/server_for_test.hpp"

namespace sallyport {
namespace {

using namespace testing;

struct Http2Abuse : ServerTest {
  void expect_reset(std::uint32_t id, const std::string& what) {
    run();
    EXPECT_TRUE(requests.empty()) << what;
    EXPECT_EQ(client->code(id), NGHTTP2_PROTOCOL_ERROR) << what;
    EXPECT_FALSE(client->find(NGHTTP2_GOAWAY, 0)) << what;
    EXPECT_FALSE(malformed.empty()) << what;
    malformed.clear();
  }
  // Sends until the server says GOAWAY; how often it took, or `most`.
  int flood(int most, const std::function<void(std::uint32_t)>& once) {
    for (int i = 0; i < most; ++i) {
      if (ended) return i;
      once(static_cast<std::uint32_t>(2 * i + 1));
      if (i % 50 == 0) run();
      if (client->find(NGHTTP2_GOAWAY, 0)) return i;
    }
    run();
    return most;
  }
};

TEST_F(Http2Abuse, S_3_4_AnotherPrefaceEndsTheConnection) {
  auto [near, far] = MemoryStream::make_pair(context.get_executor());
  RawPeer other(std::move(near));
  Http2Server second(context.get_executor(), *far, {}, {});
  bool over = false;
  asio::co_spawn(context, second.run(), [&](const std::exception_ptr& thrown) {
    EXPECT_EQ(thrown, nullptr);
    over = true;
  });
  other.raw("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  run();
  EXPECT_TRUE(over);
  EXPECT_TRUE(other.stream().is_broken());
}

TEST_F(Http2Abuse, S_4_2_AFrameLargerThanAllowedIsAFrameSizeError) {
  client->frame(NGHTTP2_PING, no_flag, 0, std::string(20'000, 'x'));
  run();
  EXPECT_EQ(client->code(0), NGHTTP2_FRAME_SIZE_ERROR);
}

TEST_F(Http2Abuse, S_4_3_ABlockThatDoesNotDecompressEndsTheConnection) {
  client->frame(NGHTTP2_HEADERS, end_stream | end_headers, 1, "\xff\xff\xff\xff\xff\xff");
  run();
  EXPECT_EQ(client->code(0), NGHTTP2_COMPRESSION_ERROR);
}

TEST_F(Http2Abuse, S_5_1_DataOnAnIdleStreamEndsTheConnection) {
  client->data(1, "x");
  run();
  EXPECT_EQ(client->code(0), NGHTTP2_PROTOCOL_ERROR);
}

TEST_F(Http2Abuse, S_5_1_1_AnEvenStreamEndsTheConnection) {
  client->headers(2, get());
  run();
  EXPECT_EQ(client->code(0), NGHTTP2_PROTOCOL_ERROR);
  EXPECT_TRUE(requests.empty());
}

TEST_F(Http2Abuse, S_5_1_1_AnOlderStreamIsNotOpenedAgain) {
  begin(5, get());
  client->headers(3, get());
  run();
  EXPECT_EQ(requests.size(), 1u);
  EXPECT_FALSE(client->find(NGHTTP2_HEADERS, 3));
}

TEST_F(Http2Abuse, S_6_2_AnotherFrameInsideAHeadEndsTheConnection) {
  client->frame(NGHTTP2_HEADERS, end_stream, 1, hpack(get()));
  client->frame(NGHTTP2_PING, no_flag, 0, "12345678");
  run();
  EXPECT_EQ(client->code(0), NGHTTP2_PROTOCOL_ERROR);
}

TEST_F(Http2Abuse, S_6_5_2_OffersNeitherPushNorExtendedConnect) {
  run();
  const Frame* settings = client->find(NGHTTP2_SETTINGS, 0);
  ASSERT_NE(settings, nullptr);
  std::map<std::uint32_t, std::uint32_t> entries;
  const auto byte = [&](std::size_t at) {
    return static_cast<std::uint32_t>(static_cast<std::uint8_t>(settings->payload[at]));
  };
  for (std::size_t at = 0; at + 6 <= settings->payload.size(); at += 6) {
    entries[byte(at) << 8 | byte(at + 1)] = byte(at + 2) << 24 | byte(at + 3) << 16 | byte(at + 4) << 8 | byte(at + 5);
  }
  EXPECT_EQ(entries.at(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS), 100u);
  EXPECT_EQ(entries.at(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE), 64u << 10);
  EXPECT_EQ(entries.count(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL), 0u);
}

struct BadBlock {
  std::string what;
  wire::Fields fields;
};

TEST_F(Http2Abuse, S_8_P_01_P_03_AMalformedHeadIsResetBeforeAnybodySeesIt) {
  const wire::Field method{":method", "GET"};
  const wire::Field scheme{":scheme", "https"};
  const wire::Field authority{":authority", "a.test"};
  const wire::Field path{":path", "/"};
  const std::string nul("a\0b", 3);
  const std::vector<BadBlock> cases{
      {"8.2.1 upper case", get({{"X-Upper", "1"}})},
      {"8.2.1 a space in a name", get({{"x y", "1"}})},
      {"8.2.1 a colon in a name", get({{"x:y", "1"}})},
      {"8.2.1 a line end in a name", get({{"x\r\ny", "1"}})},
      {"8.2.1 CR LF in a value", get({{"x", "1\r\nhost: evil.test"}})},
      {"8.2.1 LF in a value", get({{"x", "1\nevil: 1"}})},
      {"8.2.1 NUL in a value", get({{"x", nul}})},
      {"8.2.1 a space before a value", get({{"x", " 1"}})},
      {"8.2.2 connection", get({{"connection", "close"}})},
      {"8.2.2 transfer-encoding", get({{"transfer-encoding", "chunked"}})},
      {"8.2.2 upgrade", get({{"upgrade", "websocket"}})},
      {"8.2.2 keep-alive", get({{"keep-alive", "1"}})},
      {"8.2.2 proxy-connection", get({{"proxy-connection", "keep-alive"}})},
      {"8.2.2 te", get({{"te", "gzip"}})},
      {"8.3 after a field", {method, scheme, {"x", "1"}, authority, path}},
      {"8.3 unknown", {method, scheme, authority, path, {":evil", "1"}}},
      {"8.3 of an answer", {method, scheme, authority, path, {":status", "200"}}},
      {"8.3.1 method twice", {method, method, scheme, authority, path}},
      {"8.3.1 path twice", {method, scheme, authority, path, path}},
      {"8.3.1 authority twice", {method, scheme, authority, authority, path}},
      {"8.3.1 no method", {scheme, authority, path}},
      {"8.3.1 no scheme", {method, authority, path}},
      {"8.3.1 no path", {method, scheme, authority}},
      {"8.3.1 an empty path", {method, scheme, authority, {":path", ""}}},
      {"8.3.1 no authority and no host", {method, scheme, path}},
      {"8.3.1 a relative path", {method, scheme, authority, {":path", "x"}}},
      {"8.3.1 an absolute path", {method, scheme, authority, {":path", "http://evil.test/"}}},
      {"8.3.1 a space in the path", {method, scheme, authority, {":path", "/ HTTP/1.1"}}},
      {"8.3.1 a line end in the path", {method, scheme, authority, {":path", "/\r\nx: y"}}},
      {"8.3.1 a fragment", {method, scheme, authority, {":path", "/#x"}}},
      {"8.3.1 an asterisk", {method, scheme, authority, {":path", "*"}}},
      {"8.3.1 a space in the method", {{":method", "GET /x"}, scheme, authority, path}},
      {"8.3.1 another scheme", {method, {":scheme", "http"}, authority, path}},
      {"8.3.1 user information", {method, scheme, {":authority", "user@a.test"}, path}},
      {"8.3.1 an authority with a path", {method, scheme, {":authority", "a.test/x"}, path}},
      {"8.3.1 an empty authority", {method, scheme, {":authority", ""}, path}},
      {"8.3.1 host differs", get({{"host", "evil.test"}})},
      {"8.3.1 host twice", get({{"host", "a.test"}, {"host", "a.test"}})},
      {"8.1.1 content-length beside no body", get({{"content-length", "5"}})},
      {"8.1.1 two lengths", get({{"content-length", "0"}, {"content-length", "0"}})},
      {"8.1.1 no number", get({{"content-length", "+0"}})},
      {"8441 :protocol", {{":method", "CONNECT"}, {":protocol", "websocket"}, scheme, authority, path}}};
  std::uint32_t id = 1;
  for (const BadBlock& bad : cases) {
    client->headers(id, bad.fields);
    expect_reset(id, bad.what);
    id += 2;
  }
  begin(id, get({{"host", "A.test:443"}}));
  EXPECT_EQ(requests.size(), 1u);
}

TEST_F(Http2Abuse, S_8_1_1_MoreDataThanTheLengthIsReset) {
  auto fields = get("/", "POST");
  fields.push_back({"content-length", "3"});
  begin(1, fields, no_flag);
  client->data(1, "four");
  run();
  EXPECT_EQ(client->code(1), NGHTTP2_PROTOCOL_ERROR);
  EXPECT_TRUE(requests[0]->is_broken());
}

TEST_F(Http2Abuse, S_8_1_1_LessDataThanTheLengthIsReset) {
  auto fields = get("/", "POST");
  fields.push_back({"content-length", "5"});
  begin(1, fields, no_flag);
  client->data(1, "four", end_stream);
  run();
  EXPECT_EQ(client->code(1), NGHTTP2_PROTOCOL_ERROR);
  EXPECT_TRUE(requests[0]->is_broken());
}

TEST_F(Http2Abuse, S_8_1_H_23_PseudoHeadersInTrailersAreReset) {
  begin(1, get("/", "POST"), no_flag);
  client->headers(1, {{":path", "/evil"}});
  run();
  EXPECT_EQ(client->code(1), NGHTTP2_PROTOCOL_ERROR);
  EXPECT_TRUE(requests[0]->is_broken());
}

TEST_F(Http2Abuse, S_8_5_ConnectIsAnswered501) {
  client->headers(1, {{":method", "CONNECT"}, {":authority", "a.test:443"}}, no_flag);
  run();
  EXPECT_TRUE(requests.empty());
  EXPECT_EQ(field(1, ":status"), "501");
  EXPECT_TRUE(client->ended(1));
}

TEST_F(Http2Abuse, S_5_1_2_MoreStreamsThanAllowedAreRefused) {
  run();
  client->frame(NGHTTP2_SETTINGS, ack, 0, "");
  for (std::uint32_t id = 1; id < 2 * 101; id += 2) client->headers(id, get());
  run();
  EXPECT_EQ(requests.size(), 100u);
  EXPECT_TRUE(client->code(201) == NGHTTP2_REFUSED_STREAM || client->code(0) == NGHTTP2_PROTOCOL_ERROR);
}

// CVE-2023-44487.
TEST_F(Http2Abuse, P_04_RapidResetEndsTheConnection) {
  const int taken = flood(5000, [&](std::uint32_t id) {
    client->headers(id, get());
    client->reset(id, NGHTTP2_CANCEL);
    requests.clear();
  });
  EXPECT_LT(taken, 1000);
  EXPECT_EQ(client->code(0), NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_TRUE(ended);
}

// Also where what was begun is slow to end: no more than twice the limit are ever alive.
TEST_F(Http2Abuse, P_04_RequestsThatWereResetCountUntilTheyHaveEnded) {
  for (std::uint32_t id = 1; id < 2 * 150; id += 2) {
    client->headers(id, get());
    client->reset(id, NGHTTP2_CANCEL);
  }
  run();
  for (std::uint32_t id = 401; id < 401 + 2 * 80; id += 2) client->headers(id, get());
  run();
  EXPECT_EQ(requests.size(), 200u);
  EXPECT_EQ(client->code(559), NGHTTP2_REFUSED_STREAM);
  requests.clear();
  begin(601, get());
  EXPECT_EQ(requests.size(), 1u);
}

// CVE-2025-8671: the client makes us reset its streams.
TEST_F(Http2Abuse, P_04_ResetsThatTheClientProvokesEndTheConnection) {
  const int taken = flood(5000, [&](std::uint32_t id) {
    client->headers(id, get("/", "POST"), no_flag);
    client->open_window(id, 0);
    requests.clear();
  });
  EXPECT_LT(taken, 1000);
  EXPECT_NE(client->code(0), -1);
}

TEST_F(Http2Abuse, P_04_MalformedHeadsWithoutEndEndTheConnection) {
  const int taken = flood(5000, [&](std::uint32_t id) { client->headers(id, get({{"Bad", "1"}})); });
  EXPECT_LT(taken, 1000);
  EXPECT_EQ(client->code(0), NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST_F(Http2Abuse, P_04_PingsWithoutEndEndTheConnection) {
  const int taken = flood(20'000, [&](std::uint32_t) { client->frame(NGHTTP2_PING, no_flag, 0, "12345678"); });
  EXPECT_LT(taken, 10'000);
  EXPECT_EQ(client->code(0), NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST_F(Http2Abuse, P_04_SettingsWithoutEndEndTheConnection) {
  EXPECT_LT(flood(20'000, [&](std::uint32_t) { client->settings({}); }), 10'000);
  EXPECT_EQ(client->code(0), NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST_F(Http2Abuse, P_04_EmptyDataWithoutEndEndsTheConnection) {
  begin(1, get("/", "POST"), no_flag);
  EXPECT_LT(flood(20'000, [&](std::uint32_t) { client->data(1, ""); }), 10'000);
  EXPECT_EQ(client->code(0), NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST_F(Http2Abuse, P_04_WindowUpdatesWithoutEndEndTheConnection) {
  EXPECT_LT(flood(20'000, [&](std::uint32_t) { client->open_window(0, 1); }), 10'000);
  EXPECT_EQ(client->code(0), NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST_F(Http2Abuse, P_04_PrioritiesWithoutEndEndTheConnection) {
  EXPECT_LT(flood(20'000, [&](std::uint32_t) { client->frame(NGHTTP2_PRIORITY, no_flag, 1, number(0) + "x"); }),
            10'000);
  EXPECT_EQ(client->code(0), NGHTTP2_ENHANCE_YOUR_CALM);
}

// CVE-2024-27316.
TEST_F(Http2Abuse, P_04_ContinuationsWithoutEndEndTheConnection) {
  client->frame(NGHTTP2_HEADERS, end_stream, 1, hpack(get()));
  const int taken = flood(5000, [&](std::uint32_t) { client->frame(NGHTTP2_CONTINUATION, no_flag, 1, ""); });
  EXPECT_LT(taken, 1000);
  EXPECT_TRUE(ended);
  EXPECT_TRUE(requests.empty());
}

TEST_F(Http2Abuse, P_04_AHeadThatUnpacksToMegabytesEndsTheConnection) {
  // One large entry of the dynamic table, and then its one-byte name again and again.
  const std::string value(3'900, 'v');
  std::string block = hpack(get());
  block += '\x40';
  block += "\x01x";
  block += '\x7f';
  std::size_t rest = value.size() - 127;
  for (; rest >= 128; rest /= 128) block += static_cast<char>(rest % 128 + 128);
  block += static_cast<char>(rest);
  block += value;
  block += std::string(10'000, '\xbe');
  client->frame(NGHTTP2_HEADERS, end_stream | end_headers, 1, block);
  run();
  EXPECT_EQ(client->code(0), NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_TRUE(requests.empty());
}

// A busy connection's window updates and pings are no flood.
TEST_F(Http2Abuse, WhatComesWithDataIsNoFlood) {
  begin(1, get());
  answer(0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 3000; ++i) {
    EXPECT_EQ(requests[0]->write_now(bytes_of("1\r\nx\r\n")), 6u);
    client->open_window(1, 1);
    client->open_window(0, 1);
    run();
  }
  run();
  EXPECT_EQ(client->code(0), -1);
  EXPECT_EQ(client->body(1).size(), 3000u);
}

}  // namespace
}  // namespace sallyport
