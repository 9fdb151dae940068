#include "proxy/http2/server_for_test.hpp"

namespace sallyport {
namespace {

using namespace testing;

struct Http2Requests : ServerTest {};

TEST_F(Http2Requests, ARequestReadsAsHttp1) {
  begin(1, get({{"accept", "*/*"}, {"cookie", "a=1"}, {"cookie", "b=2"}, {"te", "trailers"}}));
  EXPECT_EQ(read(0), "GET / HTTP/1.1\r\nhost: a.test\r\naccept: */*\r\nte: trailers\r\ncookie: a=1; b=2\r\n\r\n");
  EXPECT_FALSE(requests[0]->at_end());
}

TEST_F(Http2Requests, AnAnswerGoesOutAsHeadersAndData) {
  begin(1, get());
  answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Thing: 1\r\nConnection: X-Hop\r\nX-Hop: no\r\n\r\nhello");
  EXPECT_EQ(field(1, ":status"), "200");
  EXPECT_EQ(field(1, "content-length"), "5");
  EXPECT_EQ(field(1, "x-thing"), "1");
  EXPECT_EQ(field(1, "x-hop"), "(none)");
  EXPECT_EQ(field(1, "connection"), "(none)");
  EXPECT_EQ(client->body(1), "hello");
  EXPECT_TRUE(client->ended(1));
  read(0);
  EXPECT_TRUE(requests[0]->at_end());
  EXPECT_EQ(server->active(), 0u);
}

TEST_F(Http2Requests, AnAnswerMayComePieceByPiece) {
  begin(1, get());
  for (const char c :
       std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"))
    answer(0, std::string(1, c));
  EXPECT_EQ(client->body(1), "abcde");
  EXPECT_TRUE(client->ended(1));
  EXPECT_EQ(field(1, "transfer-encoding"), "(none)");
}

TEST_F(Http2Requests, AnAnswerIsSentBeforeItsBodyIsWhole) {
  begin(1, get());
  answer(0, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(field(1, ":status"), "200");
  answer(0, "6\r\ndata: \r\n");
  EXPECT_EQ(client->body(1), "data: ");
  EXPECT_FALSE(client->ended(1));
}

TEST_F(Http2Requests, TrailersFollowTheBody) {
  begin(1, get());
  answer(0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nGrpc-Status: 0\r\n\r\n");
  ASSERT_FALSE(client->frames.empty());
  const Frame& last = client->frames.back();
  EXPECT_EQ(last.type, NGHTTP2_HEADERS);
  EXPECT_EQ(last.fields, (wire::Fields{{"grpc-status", "0"}}));
  EXPECT_TRUE(last.flags & end_stream);
}

TEST_F(Http2Requests, AnAnswerWithoutBodyEndsTheStreamWithItsHead) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"},
      {"GET", "HTTP/1.1 204 No Content\r\n\r\n"},
      {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"},
      {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nGrpc-Status: 12\r\n\r\n"}};
  std::uint32_t id = 1;
  for (const auto& [method, head] : cases) {
    const std::size_t at = begin(id, get("/", method));
    answer(at, head);
    const Frame* frame = client->find(NGHTTP2_HEADERS, id);
    ASSERT_NE(frame, nullptr) << head;
    EXPECT_TRUE(frame->flags & end_stream) << head;
    id += 2;
  }
  EXPECT_EQ(field(1, "content-length"), "500");
}

TEST_F(Http2Requests, InterimAnswersGoBeforeTheAnswer) {
  begin(1, get({{"expect", "100-continue"}}), no_flag);
  answer(0, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  std::vector<std::string> seen;
  for (const Frame& frame : client->frames) {
    if (frame.type == NGHTTP2_HEADERS) seen.push_back(frame.fields.at(0).value);
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"100", "103", "200"}));
}

TEST_F(Http2Requests, AnAnswerUntilCloseEndsWhenItsWriterFinishes) {
  begin(1, get());
  answer(0, "HTTP/1.1 200 OK\r\n\r\nall of it");
  EXPECT_FALSE(client->ended(1));
  requests[0]->finish();
  run();
  EXPECT_EQ(client->body(1), "all of it");
  EXPECT_TRUE(client->ended(1));
}

TEST_F(Http2Requests, AnAnswerWhoseWriterLeavesInTheMiddleIsReset) {
  const std::vector<std::string> cases{"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
                                       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
                                       "HTTP/1.1 200 OK\r\n\r\nuntil close"};
  std::uint32_t id = 1;
  for (const std::string& text : cases) {
    const std::size_t at = begin(id, get());
    answer(at, text);
    requests[at].reset();
    run();
    EXPECT_EQ(client->code(id), NGHTTP2_INTERNAL_ERROR) << text;
    EXPECT_FALSE(client->ended(id)) << text;
    id += 2;
  }
}

TEST_F(Http2Requests, AnAnswerThatIsNoHttpIsReset) {
  const std::vector<std::string> cases{"nonsense\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n",
                                       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnope\r\n"};
  std::uint32_t id = 1;
  for (const std::string& text : cases) {
    const std::size_t at = begin(id, get());
    answer(at, text);
    EXPECT_EQ(client->code(id), NGHTTP2_INTERNAL_ERROR) << text;
    id += 2;
  }
}

TEST_F(Http2Requests, ABodyIsChunkedWhereItsLengthIsUnknown) {
  begin(1, get("/up", "POST"), no_flag);
  client->data(1, "hello");
  run();
  client->data(1, " you", end_stream);
  run();
  EXPECT_EQ(
      read(0),
      "POST /up HTTP/1.1\r\nhost: a.test\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n4\r\n you\r\n0\r\n\r\n");
}

TEST_F(Http2Requests, ABodyOfKnownLengthKeepsIt) {
  auto fields = get("/up", "POST");
  fields.push_back({"content-length", "5"});
  begin(1, fields, no_flag);
  client->data(1, "hello", end_stream);
  run();
  EXPECT_EQ(read(0), "POST /up HTTP/1.1\r\nhost: a.test\r\ncontent-length: 5\r\n\r\nhello");
}

TEST_F(Http2Requests, TrailersOfARequestFollowItsChunks) {
  begin(1, get("/up", "POST"), no_flag);
  client->data(1, "x");
  client->headers(1, {{"x-sum", "7"}, {"authorization", "no"}}, end_stream);
  run();
  EXPECT_TRUE(read(0).ends_with("\r\n\r\n1\r\nx\r\n0\r\nx-sum: 7\r\n\r\n"));
}

TEST_F(Http2Requests, BothDirectionsFlowAtOnce) {
  begin(1, get("/grpc", "POST"), no_flag);
  read(0);
  answer(0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 3; ++i) {
    client->data(1, "ping");
    run();
    EXPECT_EQ(read(0), "4\r\nping\r\n");
    answer(0, "4\r\npong\r\n");
  }
  EXPECT_EQ(client->body(1), "pongpongpong");
  client->data(1, "", end_stream);
  run();
  EXPECT_EQ(read(0), "0\r\n\r\n");
  answer(0, "0\r\ngrpc-status: 0\r\n\r\n");
  EXPECT_TRUE(client->ended(1));
}

TEST_F(Http2Requests, A_13_AClientThatResetsItsStreamIsSeenAtOnce) {
  begin(1, get("/up", "POST"), no_flag);
  bool gone = false;
  asio::co_spawn(context, requests[0]->peer_gone(), [&](std::exception_ptr, Result<void>) { gone = true; });
  run();
  EXPECT_FALSE(gone);
  client->reset(1, NGHTTP2_CANCEL);
  run();
  EXPECT_TRUE(gone);
  EXPECT_TRUE(requests[0]->is_broken());
}

TEST_F(Http2Requests, AClientThatLeavesEndsEveryRequest) {
  begin(1, get());
  begin(3, get());
  client->leave();
  client.reset();
  run();
  EXPECT_TRUE(ended);
  EXPECT_TRUE(requests[0]->is_broken());
  EXPECT_TRUE(requests[1]->is_broken());
}

TEST_F(Http2Requests, OneRequestWaitsWhileOthersAreAnswered) {
  begin(1, get("/held", "POST"), no_flag);
  begin(3, get("/free"));
  answer(1, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(client->ended(3));
  EXPECT_FALSE(client->ended(1));
  answer(0, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(field(1, ":status"), "403");
}

// RFC 9113, 8.1: with NO_ERROR, so that the client does read the answer.
TEST_F(Http2Requests, H_18_AnAnswerBeforeTheRequestsEndStopsTheRest) {
  begin(1, get("/up", "POST"), no_flag);
  client->data(1, "some");
  run();
  answer(0, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
  EXPECT_EQ(client->body(1), "no");
  EXPECT_TRUE(client->ended(1));
  EXPECT_EQ(client->code(1), NGHTTP2_NO_ERROR);
  read(0);
  EXPECT_TRUE(requests[0]->at_end());
}

TEST_F(Http2Requests, AHeadLargerThanTheLimitIsAnswered431) {
  wire::Fields fields = get();
  for (int i = 0; i < 5; ++i) fields.push_back({"x-" + std::to_string(i), std::string(15'000, 'a')});
  const std::string block = hpack(fields);
  client->frame(NGHTTP2_HEADERS, end_stream, 1, std::string_view(block).substr(0, 16'000));
  for (std::size_t at = 16'000; at < block.size(); at += 16'000) {
    const bool last = at + 16'000 >= block.size();
    client->frame(NGHTTP2_CONTINUATION, last ? end_headers : no_flag, 1, std::string_view(block).substr(at, 16'000));
  }
  run();
  EXPECT_TRUE(requests.empty());
  EXPECT_EQ(field(1, ":status"), "431");
  EXPECT_FALSE(malformed.empty());
  begin(3, get());
  EXPECT_EQ(requests.size(), 1u);
}

TEST_F(Http2Requests, LargeHeadsWithinTheLimitPass) {
  begin(1, get({{"x-large", std::string(16'000, 'a')}}));
  EXPECT_GT(read(0).size(), 16'000u);
  std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
  for (int i = 0; i < 3; ++i) head += "x-" + std::to_string(i) + ": " + std::string(18'000, 'b') + "\r\n";
  answer(0, head + "\r\n");
  EXPECT_TRUE(client->find(NGHTTP2_CONTINUATION, 1));
}

TEST_F(Http2Requests, OpensTheWindowOnlyAsTheRequestIsRead) {
  begin(1, get("/up", "POST"), no_flag);
  read(0);
  const std::string block(16'384, 'x');
  for (int i = 0; i < 4; ++i) client->data(1, std::string_view(block).substr(0, i == 3 ? 16'383 : 16'384));
  run();
  // The memory stream took what it could hold, and that much may come again.
  EXPECT_TRUE(client->find(NGHTTP2_WINDOW_UPDATE, 1));
  client->frames.clear();
  for (int i = 0; i < 3; ++i) client->data(1, block);
  run();
  EXPECT_FALSE(client->find(NGHTTP2_WINDOW_UPDATE, 1));
  EXPECT_EQ(client->code(1), -1);
  EXPECT_LE(requests[0]->readable().size(), options.stream_capacity);
  while (!requests[0]->readable().empty()) {
    read(0);
    run();
  }
  EXPECT_TRUE(client->find(NGHTTP2_WINDOW_UPDATE, 1));
}

// RFC 9113, 6.9.1: a peer that sends more than it may.
TEST_F(Http2Requests, S_6_9_1_MoreThanTheWindowIsAFlowControlError) {
  begin(1, get("/up", "POST"), no_flag);
  const std::string block(16'384, 'x');
  for (int i = 0; i < 9; ++i) client->data(1, block);
  run();
  EXPECT_TRUE(client->code(1) == NGHTTP2_FLOW_CONTROL_ERROR || client->code(0) == NGHTTP2_FLOW_CONTROL_ERROR);
}

TEST_F(Http2Requests, AnAnswerGoesNoFasterThanTheClientTakesIt) {
  begin(1, get());
  answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
  const std::string block(60'000, 'x');
  std::size_t sent = 0;
  for (std::size_t step = 1; step > 0; sent += step) {
    step = requests[0]->write_now(bytes_of(block));
    run();
  }
  EXPECT_EQ(client->body(1).size(), 65'535u);
  EXPECT_LE(sent, 65'535u + options.stream_capacity);
  client->open_window(1, 1000);
  client->open_window(0, 1000);
  run();
  EXPECT_EQ(client->body(1).size(), 66'535u);
}

TEST_F(Http2Requests, ADrainServesWhatIsUnderWayAndEnds) {
  begin(1, get());
  server->drain();
  run();
  const Frame* notice = client->find(NGHTTP2_GOAWAY, 0);
  ASSERT_NE(notice, nullptr);
  EXPECT_EQ(notice->payload.substr(0, 4), number(0x7fffffff));
  begin(3, get());
  EXPECT_EQ(requests.size(), 2u);
  const Frame* ping = client->find(NGHTTP2_PING, 0);
  ASSERT_NE(ping, nullptr);
  client->frame(NGHTTP2_PING, ack, 0, ping->payload);
  run();
  EXPECT_EQ(client->frames.back().payload.substr(0, 4), number(3));
  client->headers(5, get());
  run();
  EXPECT_EQ(requests.size(), 2u);
  answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_FALSE(ended);
  answer(1, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(ended);
  EXPECT_TRUE(client->stream().at_end());
}

struct NarrowServer : ServerTest {
  static Http2Options narrow() {
    Http2Options options;
    options.stream_capacity = 1000;
    return options;
  }
  NarrowServer() : ServerTest(narrow()) {}

  void upload(std::uint32_t id) {
    client->headers(id, get("/up", "POST"), no_flag);
    for (int i = 0; i < 6; ++i) client->data(id, std::string(10'000, 'x'));
    run();
  }
};

// What all of them hold is bounded by the connection's window.
TEST_F(NarrowServer, OpensTheConnectionsWindowOnlyAsRequestsAreRead) {
  for (std::uint32_t id = 1; id < 2 * 15; id += 2) upload(id);
  EXPECT_EQ(requests.size(), 15u);
  client->frames.clear();
  run();
  EXPECT_FALSE(client->find(NGHTTP2_WINDOW_UPDATE, 0));
  for (std::size_t i = 0; i < requests.size(); ++i) {
    for (std::string got = "."; !got.empty(); run()) got = read(i);
  }
  EXPECT_TRUE(client->find(NGHTTP2_WINDOW_UPDATE, 0));
}

TEST_F(NarrowServer, GivesBackTheWindowOfWhatNobodyWillRead) {
  for (std::uint32_t id = 1; id < 2 * 50; id += 2) {
    upload(id);
    client->reset(id, NGHTTP2_CANCEL);
    run();
  }
  for (std::uint32_t id = 101; id < 101 + 2 * 50; id += 2) {
    upload(id);
    answer(requests.size() - 1, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(client->code(id), NGHTTP2_NO_ERROR);
  }
  EXPECT_EQ(client->code(0), -1);
  EXPECT_EQ(requests.size(), 100u);
}

struct QuietServer : ServerTest {
  static Http2Options brief() {
    Http2Options options;
    options.idle = std::chrono::milliseconds(5);
    return options;
  }
  QuietServer() : ServerTest(brief()) {}
};

TEST_F(QuietServer, AnIdleConnectionIsEnded) {
  const auto deadline = Clock::now() + std::chrono::seconds(10);
  while (!ended && Clock::now() < deadline) context.run_one_until(deadline);
  EXPECT_TRUE(ended);
  client->read();
  EXPECT_EQ(client->code(0), NGHTTP2_NO_ERROR);
}

TEST_F(QuietServer, AConnectionWithARequestIsNotIdle) {
  begin(1, get());
  context.restart();
  context.run_for(std::chrono::milliseconds(30));
  EXPECT_FALSE(ended);
}

}  // namespace
}  // namespace sallyport
