#include "proxy/http2/client.hpp"

#include "proxy/http2/error.hpp"
#include "proxy/http2/raw_peer_for_test.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <gtest/gtest.h>

namespace sallyport {
namespace {

using namespace testing;

// A client with a raw origin.
struct Http2Upstream : ::testing::Test {
  Http2Upstream() {
    auto [near, far] = MemoryStream::make_pair(context.get_executor(), 8 << 20);
    origin = std::make_unique<RawPeer>(std::move(near));
    transport = std::move(far);
    client = std::make_unique<Http2Client>(context.get_executor(), *transport, bounded());
    asio::co_spawn(context, client->run(),
                   asio::bind_cancellation_slot(cancel.slot(), [this](const std::exception_ptr& thrown) {
                     EXPECT_EQ(thrown, nullptr);
                     ended = true;
                   }));
    run();
    const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    EXPECT_EQ(text_of(origin->stream().readable().first(preface.size())), preface);
    origin->stream().consume(preface.size());
    origin->settings({});
    origin->frame(NGHTTP2_SETTINGS, ack, 0, {});
    run();
  }
  Http2Options bounded() const {
    Http2Options options;
    options.window_budget = budget;
    return options;
  }
  ~Http2Upstream() override {
    cancel.emit(asio::cancellation_type::terminal);
    run();
    EXPECT_TRUE(ended);
  }

  void run() {
    for (int i = 0; i < 3; ++i) {
      context.restart();
      context.poll();
      const bool reads = origin && !origin->stream().readable().empty() && prefaced;
      if (reads) origin->read();
    }
    prefaced = true;
  }
  std::unique_ptr<MemoryStream> ask(std::string_view request = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n") {
    auto stream = client->open();
    EXPECT_EQ(stream->write_now(bytes_of(request)), request.size());
    run();
    return stream;
  }
  // So many bytes of an answer, each read as it comes; by how much the window was opened meanwhile.
  std::size_t stream_to(MemoryStream& stream, std::uint32_t id, std::size_t size) {
    const std::size_t before = origin->frames.size();
    const std::string block(8'192, 'x');
    for (std::size_t sent = 0; sent < size; sent += block.size()) {
      origin->data(id, block);
      run();
      read(stream);
    }
    return opened_since(before, id);
  }
  // By how much it was opened since there were so many frames.
  std::size_t opened_since(std::size_t frames, std::uint32_t id) const {
    std::size_t opened = 0;
    for (std::size_t at = frames; at < origin->frames.size(); ++at) {
      const Frame& frame = origin->frames[at];
      if (frame.type != NGHTTP2_WINDOW_UPDATE || frame.id != id) continue;
      std::size_t step = 0;
      for (const char byte : frame.payload) step = step << 8 | static_cast<std::uint8_t>(byte);
      opened += step;
    }
    return opened;
  }
  // Takes what there is to read of an answer.
  std::string read(MemoryStream& stream) {
    std::string text;
    while (!stream.readable().empty()) {
      text += text_of(stream.readable());
      stream.consume(stream.readable().size());
      run();
    }
    return text;
  }
  error_code error_of(MemoryStream& stream) {
    error_code error;
    std::array<std::uint8_t, 16> room{};
    asio::co_spawn(context, stream.read_some(room), [&](const std::exception_ptr&, Result<std::size_t> got) {
      error = got ? error_code() : got.error();
    });
    run();
    return error;
  }

  asio::io_context context;
  const std::shared_ptr<WindowBudget> budget = std::make_shared<WindowBudget>(64 << 10);
  asio::cancellation_signal cancel;
  std::unique_ptr<RawPeer> origin;
  std::unique_ptr<MemoryStream> transport;
  std::unique_ptr<Http2Client> client;
  bool prefaced = false;
  bool ended = false;
};

TEST_F(Http2Upstream, ARequestGoesOutAsHeaders) {
  const auto stream =
      ask("GET /x?y HTTP/1.1\r\nHost: a.test\r\nConnection: close, TE\r\nTE: trailers\r\nX-A: B\r\n\r\n");
  const Frame* frame = origin->find(NGHTTP2_HEADERS, 1);
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(frame->fields, (wire::Fields{{":method", "GET"},
                                         {":scheme", "https"},
                                         {":authority", "a.test"},
                                         {":path", "/x?y"},
                                         {"x-a", "B"},
                                         {"te", "trailers"}}));
  EXPECT_TRUE(origin->ended(1));
}

TEST_F(Http2Upstream, AnAnswerReadsAsHttp1AndEnds) {
  const auto stream = ask();
  origin->headers(1, {{":status", "200"}, {"content-type", "text/plain"}}, no_flag);
  origin->data(1, "hello");
  origin->headers(1, {{"x-sum", "1"}}, end_stream);
  run();
  EXPECT_EQ(read(*stream),
            "HTTP/1.1 200 \r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
            "5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n");
  EXPECT_TRUE(stream->at_end());
  EXPECT_EQ(client->active(), 0u);
}

TEST_F(Http2Upstream, ATrailersOnlyAnswerIsAHeadWithoutBody) {
  const auto stream = ask();
  origin->headers(1, {{":status", "200"}, {"grpc-status", "12"}}, end_stream);
  run();
  EXPECT_EQ(read(*stream), "HTTP/1.1 200 \r\ngrpc-status: 12\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
  EXPECT_TRUE(stream->at_end());
}

TEST_F(Http2Upstream, InterimAnswersComeFirst) {
  const auto stream = ask("POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  origin->headers(1, {{":status", "100"}}, no_flag);
  run();
  EXPECT_EQ(read(*stream), "HTTP/1.1 100 \r\n\r\n");
  EXPECT_EQ(stream->write_now(bytes_of("ok")), 2u);
  run();
  EXPECT_EQ(origin->body(1), "ok");
  EXPECT_TRUE(origin->ended(1));
  origin->headers(1, {{":status", "204"}}, end_stream);
  run();
  EXPECT_EQ(read(*stream), "HTTP/1.1 204 \r\nconnection: close\r\n\r\n");
}

TEST_F(Http2Upstream, ABodyAndItsTrailersGoUp) {
  const auto stream = ask("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  EXPECT_EQ(origin->body(1), "abc");
  EXPECT_FALSE(origin->ended(1));
  EXPECT_EQ(stream->write_now(bytes_of("0\r\nx-sum: 1\r\n\r\n")), 15u);
  run();
  EXPECT_TRUE(origin->ended(1));
  EXPECT_EQ(origin->frames.back().fields, (wire::Fields{{"x-sum", "1"}}));
}

TEST_F(Http2Upstream, SeveralRequestsShareTheConnection) {
  const auto first = ask();
  const auto second = ask();
  origin->headers(3, {{":status", "200"}, {"content-length", "1"}}, no_flag);
  origin->data(3, "2", end_stream);
  origin->headers(1, {{":status", "200"}, {"content-length", "1"}}, no_flag);
  origin->data(1, "1", end_stream);
  run();
  EXPECT_TRUE(read(*first).ends_with("1"));
  EXPECT_TRUE(read(*second).ends_with("2"));
}

TEST_F(Http2Upstream, WhoDropsItsStreamCancelsTheRequest) {
  auto stream = ask();
  stream.reset();
  run();
  EXPECT_EQ(origin->code(1), NGHTTP2_CANCEL);
  EXPECT_EQ(client->active(), 0u);
}

TEST_F(Http2Upstream, ARequestCutInItsBodyIsReset) {
  auto stream = ask("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhalf");
  stream.reset();
  run();
  EXPECT_NE(origin->code(1), -1);
  EXPECT_FALSE(origin->ended(1));
}

TEST_F(Http2Upstream, AnOriginsResetIsAnErrorInPlainWords) {
  const auto stream = ask();
  origin->reset(1, NGHTTP2_REFUSED_STREAM);
  run();
  const error_code error = error_of(*stream);
  EXPECT_EQ(error, make_error_code(Http2Error::refused_stream));
  EXPECT_EQ(error.message(), "the other side refused the request before it looked at it");
}

TEST_F(Http2Upstream, AMalformedAnswerIsAnErrorAndAReset) {
  const std::vector<wire::Fields> cases{{{":status", "101"}},
                                        {{":status", "200"}, {"connection", "close"}},
                                        {{":status", "200"}, {"x", "a\r\nb"}},
                                        {{":status", "200"}, {"content-length", "1"}, {"content-length", "1"}},
                                        {{"x", "no status"}}};
  std::uint32_t id = 1;
  for (const wire::Fields& fields : cases) {
    const auto stream = ask();
    origin->headers(id, fields, no_flag);
    run();
    EXPECT_EQ(error_of(*stream), make_error_code(Http2Error::malformed_answer)) << fields.back().name;
    EXPECT_EQ(origin->code(id), NGHTTP2_PROTOCOL_ERROR);
    id += 2;
  }
  EXPECT_TRUE(client->is_usable());
}

TEST_F(Http2Upstream, AnAnswerOfAnotherLengthIsAnError) {
  const auto stream = ask();
  origin->headers(1, {{":status", "200"}, {"content-length", "5"}}, no_flag);
  origin->data(1, "four", end_stream);
  run();
  EXPECT_TRUE(stream->is_broken());
}

TEST_F(Http2Upstream, S_6_8_AfterGoawayItIsNotUsable) {
  const auto answered = ask();
  const auto refused = ask();
  origin->frame(NGHTTP2_GOAWAY, no_flag, 0, number(1) + number(NGHTTP2_NO_ERROR));
  run();
  EXPECT_FALSE(client->is_usable());
  EXPECT_EQ(error_of(*refused), make_error_code(Http2Error::refused_stream));
  origin->headers(1, {{":status", "204"}}, end_stream);
  run();
  EXPECT_TRUE(read(*answered).starts_with("HTTP/1.1 204"));
  EXPECT_TRUE(ended);
  const auto late = client->open();
  EXPECT_TRUE(late->is_broken());
}

TEST_F(Http2Upstream, S_5_1_2_KeepsToTheStreamsTheOriginAllows) {
  origin->settings({{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1}});
  run();
  EXPECT_TRUE(client->is_usable());
  const auto stream = ask();
  EXPECT_FALSE(client->is_usable());
  EXPECT_TRUE(client->open()->is_broken());
}

TEST_F(Http2Upstream, S_8_4_APushEndsTheConnection) {
  const auto stream = ask();
  origin->frame(NGHTTP2_PUSH_PROMISE, end_headers, 1, number(2) + hpack({{":method", "GET"}}));
  run();
  EXPECT_TRUE(ended);
  EXPECT_TRUE(stream->is_broken());
}

TEST_F(Http2Upstream, AnOriginThatLeavesEndsEveryRequestButKeepsWholeAnswers) {
  const auto whole = ask();
  const auto half = ask();
  origin->headers(1, {{":status", "200"}, {"content-length", "50000"}}, no_flag);
  for (int i = 0; i < 10; ++i) origin->data(1, std::string(5'000, 'x'), i == 9 ? end_stream : no_flag);
  origin->headers(3, {{":status", "200"}, {"content-length", "5"}}, no_flag);
  origin->data(3, "ha");
  run();
  origin->leave();
  origin.reset();
  run();
  EXPECT_TRUE(half->is_broken());
  EXPECT_GT(read(*whole).size(), 50'000u);
  EXPECT_TRUE(whole->at_end());
}

TEST_F(Http2Upstream, CloseLetsWhatIsUnderWayEnd) {
  const auto stream = ask();
  client->close();
  run();
  EXPECT_FALSE(client->is_usable());
  EXPECT_NE(origin->find(NGHTTP2_GOAWAY, 0), nullptr);
  EXPECT_FALSE(ended);
  origin->headers(1, {{":status", "204"}}, end_stream);
  run();
  EXPECT_TRUE(ended);
}

TEST_F(Http2Upstream, OpensTheWindowOnlyAsTheAnswerIsRead) {
  const auto stream = ask();
  origin->headers(1, {{":status", "200"}}, no_flag);
  const std::string block(16'384, 'x');
  for (int i = 0; i < 3; ++i) origin->data(1, block);
  run();
  origin->frames.clear();
  run();
  EXPECT_FALSE(origin->find(NGHTTP2_WINDOW_UPDATE, 1));
  EXPECT_LE(stream->readable().size(), Http2Options{}.stream_capacity);
  read(*stream);
  run();
  EXPECT_TRUE(origin->find(NGHTTP2_WINDOW_UPDATE, 1));
}

TEST_F(Http2Upstream, AReaderThatKeepsUpIsGivenAWiderWindow) {
  const auto stream = ask();
  origin->headers(1, {{":status", "200"}}, no_flag);
  constexpr std::size_t size = 512 << 10;
  // What is not opened again yet is less than half of a window.
  EXPECT_GT(stream_to(*stream, 1, size), size - (64 << 10));
  EXPECT_EQ(budget->left(), 0u);
  origin->data(1, "", end_stream);
  run();
  read(*stream);
  EXPECT_EQ(budget->left(), std::size_t{64} << 10);
}

TEST_F(Http2Upstream, TheConnectionsWindowGrowsWithItsStreamsAndShrinksWhenTheyEnd) {
  constexpr std::size_t size = 512 << 10;
  constexpr std::size_t first = 1 << 20;
  std::size_t sent = 0;
  for (std::uint32_t id = 1; id < 41; id += 2) {
    const auto stream = ask();
    origin->headers(id, {{":status", "200"}}, no_flag);
    stream_to(*stream, id, size);
    sent += size;
    // nghttp2 opens it again once half of it was used.
    const std::size_t open = 65'535 + opened_since(0, 0) - sent;
    EXPECT_GE(open, first / 2);
    EXPECT_LE(open, first + (64 << 10));
    origin->data(id, "", end_stream);
    run();
    read(*stream);
  }
}

TEST_F(Http2Upstream, NoStreamsWindowGrowsBeyondWhatAllMayHave) {
  const auto first = ask();
  const auto second = ask();
  for (const std::uint32_t id : {1U, 3U}) origin->headers(id, {{":status", "200"}}, no_flag);
  constexpr std::size_t size = 512 << 10;
  stream_to(*first, 1, size);
  EXPECT_LE(stream_to(*second, 3, size), size);
}

TEST_F(Http2Upstream, AReaderThatLagsKeepsItsWindow) {
  const auto stream = ask();
  origin->headers(1, {{":status", "200"}}, no_flag);
  for (int round = 0; round < 8; ++round) {
    for (int i = 0; i < 4; ++i) origin->data(1, std::string(15'000, 'x'));
    run();
    read(*stream);
  }
  EXPECT_EQ(budget->left(), std::size_t{64} << 10);
}

}  // namespace
}  // namespace sallyport
