// A client, a server that pipes each request on as HTTP/1.1, a client towards an origin, and the origin.
#include "proxy/http2/client.hpp"
#include "proxy/http2/server.hpp"
#include "proxy/wire/body_reader.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace sallyport {
namespace {

using namespace asio::experimental::awaitable_operators;

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// A piece of a body, which is sent again and again.
const std::string& pattern() {
  static const std::string made = [] {
    std::string text(50'000, ' ');
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>((i * 2654435761u) >> 13);
    return text;
  }();
  return made;
}

constexpr wire::Framing chunked{wire::Framing::Kind::chunked, 0};

struct Http2Chain : ::testing::Test {
  Http2Chain() {
    const Executor executor = context.get_executor();
    auto [client_side, proxy_near] = MemoryStream::make_pair(executor);
    auto [proxy_far, origin_side] = MemoryStream::make_pair(executor);
    ends[0] = std::move(client_side);
    ends[1] = std::move(proxy_near);
    ends[2] = std::move(proxy_far);
    ends[3] = std::move(origin_side);
    client = std::make_unique<Http2Client>(executor, *ends[0], Http2Options{});
    upstream = std::make_unique<Http2Client>(executor, *ends[2], Http2Options{});
    Http2ServerEvents piping;
    piping.on_request = [this](std::unique_ptr<MemoryStream> stream) { spawn(pipe(std::move(stream))); };
    proxy = std::make_unique<Http2Server>(executor, *ends[1], Http2Options{}, std::move(piping));
    Http2ServerEvents serving;
    serving.on_request = [this](std::unique_ptr<MemoryStream> stream) { spawn(serve(std::move(stream))); };
    origin = std::make_unique<Http2Server>(executor, *ends[3], Http2Options{}, std::move(serving));
    spawn(client->run());
    spawn(proxy->run());
    spawn(upstream->run());
    spawn(origin->run());
  }
  ~Http2Chain() override {
    client->close();
    run_until([this] { return running == 2; });  // what is left is the proxy's to close
    upstream->close();
    run_until([this] { return running == 0; });
  }

  void spawn(Task<> task) {
    ++running;
    asio::co_spawn(context, std::move(task), [this](const std::exception_ptr& thrown) {
      --running;
      EXPECT_EQ(thrown, nullptr);
    });
  }
  void run_until(const std::function<bool()>& reached) {
    const auto deadline = Clock::now() + std::chrono::seconds(100);
    context.restart();
    while (!reached() && Clock::now() < deadline) context.run_one_until(deadline);
    EXPECT_TRUE(reached());
  }

  static Task<> copy(MemoryStream& from, MemoryStream& to) {
    std::vector<std::uint8_t> buffer(16 << 10);
    const std::span<std::uint8_t> room(buffer);
    for (;;) {
      const auto got = co_await from.read_some(room);
      if (!got) break;
      const std::span<const std::uint8_t> bytes(buffer.data(), *got);
      const auto sent = co_await to.write(bytes);
      if (!sent) break;
    }
  }
  static Task<> watch(MemoryStream& near) {
    const auto gone = co_await near.peer_gone();
    static_cast<void>(gone);
  }
  // The way back decides: its end is the end of both. So is a client that leaves, whatever a copy waits for.
  Task<> pipe(std::unique_ptr<MemoryStream> near) {
    const auto far = upstream->open();
    co_await (copy(*near, *far) || copy(*far, *near) || watch(*near));
    near->finish();
  }

  // Answers what `on_request` makes of it.
  Task<> serve(std::unique_ptr<MemoryStream> stream) {
    std::string head;
    std::array<std::uint8_t, 1> byte{};
    while (!head.ends_with("\r\n\r\n")) {
      const std::span<std::uint8_t> room(byte);
      const auto got = co_await stream->read_some(room);
      if (!got) co_return;
      head += static_cast<char>(byte[0]);
    }
    const auto parsed = wire::parse_request_head(bytes_of(head));
    EXPECT_TRUE(parsed);
    if (!parsed) co_return;
    co_await handler(*stream, parsed->value);
  }

  // A body of the pattern, read to its end.
  Task<> read_body(MemoryStream& stream, wire::Framing framing) {
    wire::BodyReader reader(framing);
    std::vector<std::uint8_t> buffer(16 << 10);
    while (!reader.done()) {
      const std::span<std::uint8_t> room(buffer);
      const auto got = co_await stream.read_some(room);
      if (!got) co_return;
      std::span<const std::uint8_t> left(buffer.data(), *got);
      while (!left.empty() && !reader.done()) {
        const auto step = reader.feed(left);
        EXPECT_TRUE(step);
        if (!step) co_return;
        for (std::size_t i = 0; i < step->data.size(); i += 97) {
          good &= step->data[i] == static_cast<std::uint8_t>(pattern()[(total + i) % pattern().size()]);
        }
        total += step->data.size();
        left = left.subspan(step->consumed);
      }
    }
    trailers = reader.trailers();
  }
  static Task<> write_body(MemoryStream& stream, std::uint64_t size_of_all) {
    std::string piece;
    for (std::uint64_t sent = 0; sent < size_of_all;) {
      const std::size_t size = std::min<std::uint64_t>(pattern().size(), size_of_all - sent);
      piece = wire::chunk_header(size);
      piece += std::string_view(pattern()).substr(0, size);
      piece += wire::chunk_end;
      const auto bytes = bytes_of(piece);
      const auto written = co_await stream.write(bytes);
      if (!written) co_return;
      sent += size;
    }
    piece = wire::last_chunk({{"x-sum", "1"}});
    const auto bytes = bytes_of(piece);
    const auto written = co_await stream.write(bytes);
    EXPECT_TRUE(written);
  }
  static Task<> say(MemoryStream& stream, std::string text) {
    const auto bytes = bytes_of(text);
    const auto written = co_await stream.write(bytes);
    static_cast<void>(written);
  }
  Task<std::string> read_head(MemoryStream& stream) {
    std::string head;
    std::array<std::uint8_t, 1> byte{};
    while (!head.ends_with("\r\n\r\n")) {
      const std::span<std::uint8_t> room(byte);
      const auto got = co_await stream.read_some(room);
      if (!got) co_return head;
      head += static_cast<char>(byte[0]);
    }
    co_return head;
  }

  asio::io_context context;
  std::array<std::unique_ptr<MemoryStream>, 4> ends;
  std::unique_ptr<Http2Client> client;
  std::unique_ptr<Http2Server> proxy;
  std::unique_ptr<Http2Client> upstream;
  std::unique_ptr<Http2Server> origin;
  std::function<Task<>(MemoryStream&, const wire::RequestHead&)> handler;
  int running = 0;
  bool good = true;
  std::uint64_t total = 0;
  wire::Fields trailers;
};

constexpr std::uint64_t hundred_megabytes = 100'000'000;
const std::string chunked_post = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";
const std::string get = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

TEST_F(Http2Chain, AnUploadArrivesWholeWithItsTrailers) {
  handler = [this](MemoryStream& stream, const wire::RequestHead& head) -> Task<> {
    co_await read_body(stream, head.framing);
    co_await say(stream, "HTTP/1.1 204 No Content\r\n\r\n");
  };
  const auto stream = client->open();
  std::string head;
  auto ask = [&]() -> Task<> {
    co_await say(*stream, chunked_post);
    co_await write_body(*stream, hundred_megabytes);
    head = co_await read_head(*stream);
  };
  spawn(ask());
  run_until([&] { return !head.empty(); });
  EXPECT_TRUE(head.starts_with("HTTP/1.1 204"));
  EXPECT_EQ(total, hundred_megabytes);
  EXPECT_TRUE(good);
  EXPECT_EQ(trailers, (wire::Fields{{"x-sum", "1"}}));
}

TEST_F(Http2Chain, ADownloadArrivesWholeWithItsTrailers) {
  handler = [](MemoryStream& stream, const wire::RequestHead&) -> Task<> {
    co_await say(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    co_await write_body(stream, hundred_megabytes);
  };
  const auto stream = client->open();
  bool done = false;
  auto ask = [&]() -> Task<> {
    co_await say(*stream, get);
    const std::string head = co_await read_head(*stream);
    EXPECT_TRUE(head.starts_with("HTTP/1.1 200"));
    co_await read_body(*stream, chunked);
    done = true;
  };
  spawn(ask());
  run_until([&] { return done; });
  EXPECT_EQ(total, hundred_megabytes);
  EXPECT_TRUE(good);
  EXPECT_EQ(trailers, (wire::Fields{{"x-sum", "1"}}));
}

// Nobody reads the answer: everything stops at what the windows and buffers on the way hold.
TEST_F(Http2Chain, ADownloadNobodyReadsStandsStill) {
  std::uint64_t sent = 0;
  handler = [&](MemoryStream& stream, const wire::RequestHead&) -> Task<> {
    co_await say(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string piece = wire::chunk_header(1000) + std::string(1000, 'x') + "\r\n";
    const auto bytes = bytes_of(piece);
    for (;;) {
      const auto written = co_await stream.write(bytes);
      if (!written) break;
      sent += 1000;
    }
  };
  auto stream = client->open();
  auto ask = [&]() -> Task<> { co_await say(*stream, get); };
  spawn(ask());
  context.run_for(std::chrono::milliseconds(300));
  const std::uint64_t before = sent;
  context.run_for(std::chrono::milliseconds(300));
  EXPECT_EQ(sent, before);
  EXPECT_GT(sent, 0u);
  EXPECT_LT(sent, 2'000'000u);
  stream.reset();
  run_until([&] { return origin->active() == 0 && running == 4; });
}

TEST_F(Http2Chain, H_17_AnUploadNobodyReadsStandsStill) {
  bool asked = false;
  handler = [&](MemoryStream& stream, const wire::RequestHead&) -> Task<> {
    asked = true;
    const auto gone = co_await stream.peer_gone();
    EXPECT_TRUE(gone);
  };
  auto stream = client->open();
  std::uint64_t sent = 0;
  const std::string piece = wire::chunk_header(1000) + std::string(1000, 'x') + "\r\n";
  auto ask = [&]() -> Task<> {
    co_await say(*stream, chunked_post);
    const auto bytes = bytes_of(piece);
    for (;;) {
      const auto written = co_await stream->write(bytes);
      if (!written) break;
      sent += 1000;
    }
  };
  spawn(ask());
  run_until([&] { return asked; });
  context.run_for(std::chrono::milliseconds(300));
  const std::uint64_t before = sent;
  context.run_for(std::chrono::milliseconds(300));
  EXPECT_EQ(sent, before);
  EXPECT_GT(sent, 0u);
  EXPECT_LT(sent, 1'000'000u);
  stream->abort();
  run_until([&] { return running == 4; });
}

TEST_F(Http2Chain, ABidirectionalStreamGoesBackAndForth) {
  handler = [](MemoryStream& stream, const wire::RequestHead&) -> Task<> {
    co_await say(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    std::vector<std::uint8_t> buffer(1000);
    for (;;) {
      const std::span<std::uint8_t> room(buffer);
      const auto got = co_await stream.read_some(room);
      if (!got) co_return;
      const std::span<const std::uint8_t> bytes(buffer.data(), *got);
      const auto sent = co_await stream.write(bytes);
      if (!sent) co_return;
    }
  };
  const auto stream = client->open();
  int rounds = 0;
  auto ask = [&]() -> Task<> {
    co_await say(*stream, chunked_post);
    const std::string head = co_await read_head(*stream);
    EXPECT_TRUE(head.starts_with("HTTP/1.1 200"));
    std::vector<std::uint8_t> buffer(1000);
    for (; rounds < 100; ++rounds) {
      co_await say(*stream, "4\r\nping\r\n");
      const std::span<std::uint8_t> room(buffer);
      const auto got = co_await stream->read_some(room);
      EXPECT_TRUE(got);
      if (!got) co_return;
      EXPECT_EQ(std::string(buffer.begin(), buffer.begin() + 9), "4\r\nping\r\n");
    }
    co_await say(*stream, "0\r\n\r\n");
    co_await read_body(*stream, chunked);
  };
  spawn(ask());
  run_until([&] { return rounds == 100; });
}

TEST_F(Http2Chain, AClientsResetReachesTheOrigin) {
  bool asked = false;
  bool left = false;
  handler = [&](MemoryStream& stream, const wire::RequestHead&) -> Task<> {
    asked = true;
    const auto gone = co_await stream.peer_gone();
    left = gone.has_value();
  };
  auto stream = client->open();
  auto ask = [&]() -> Task<> { co_await say(*stream, get); };
  spawn(ask());
  run_until([&] { return asked; });
  stream->abort();
  run_until([&] { return left; });
}

TEST_F(Http2Chain, AnOriginsResetReachesTheClient) {
  handler = [](MemoryStream& stream, const wire::RequestHead&) -> Task<> {
    co_await say(stream, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    stream.abort();
  };
  const auto stream = client->open();
  auto ask = [&]() -> Task<> { co_await say(*stream, get); };
  spawn(ask());
  run_until([&] { return stream->is_broken(); });
}

TEST_F(Http2Chain, ManyRequestsAtOnceAreAllAnswered) {
  handler = [](MemoryStream& stream, const wire::RequestHead& head) -> Task<> {
    const std::string path = head.target.path;
    co_await say(stream, "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(path.size()) + "\r\n\r\n" + path);
  };
  int right = 0;
  std::vector<std::unique_ptr<MemoryStream>> streams;
  auto ask = [&](std::size_t i) -> Task<> {
    const std::string path = "/" + std::to_string(i);
    co_await say(*streams[i], "GET " + path + " HTTP/1.1\r\nHost: a.test\r\n\r\n");
    const std::string head = co_await read_head(*streams[i]);
    std::string body(path.size(), ' ');
    const std::span<std::uint8_t> room(reinterpret_cast<std::uint8_t*>(body.data()), body.size());
    const auto got = co_await streams[i]->read_some(room);
    right += got && body == path;
  };
  for (int round = 0; round < 20; ++round) {
    streams.clear();
    right = 0;
    for (std::size_t i = 0; i < 50; ++i) streams.push_back(client->open());
    for (std::size_t i = 0; i < 50; ++i) spawn(ask(i));
    run_until([&] { return right == 50; });
    run_until([&] { return running == 4; });
  }
}

}  // namespace
}  // namespace sallyport
