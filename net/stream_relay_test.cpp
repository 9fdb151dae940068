#include "net/loopback_test.hpp"
#include "net/memory_stream.hpp"
#include "net/relay.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

namespace sallyport {
namespace {

using testing::connected_pair;
using testing::run_to_end;

// A client behind a stream, and an upstream behind a socket.
struct StreamRelayTest : ::testing::Test {
  void run(RelayLimits limits = {}) { run_to_end(context, relaying(limits)); }
  Task<> relaying(RelayLimits limits) { end = co_await relay(client, upstream, pipes, counters, limits); }

  void say(std::string_view text) {
    const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    ASSERT_EQ(streams.second->write_now(bytes), text.size());
  }
  std::string heard() const {
    const auto bytes = streams.second->readable();
    return {bytes.begin(), bytes.end()};
  }
  std::string at_origin() {
    std::string got;
    error_code ended;
    asio::read(sockets.second, asio::dynamic_buffer(got), ended);
    return got;
  }

  asio::io_context context;
  MemoryStream::Pair streams = MemoryStream::make_pair(context.get_executor());
  std::pair<Socket, Socket> sockets = connected_pair(context);
  Connection client{std::move(streams.first), context.get_executor()};
  Connection upstream{std::move(sockets.first)};
  PipePool pipes;
  RelayCounters counters;
  RelayEnd end;
};

TEST_F(StreamRelayTest, CopiesBothWaysAndKeepsHalfClose) {
  say("hello");
  streams.second->finish();
  asio::write(sockets.second, asio::buffer(std::string_view("and good day")));
  sockets.second.shutdown(Socket::shutdown_send);
  run();
  EXPECT_EQ(at_origin(), "hello");
  EXPECT_EQ(heard(), "and good day");
  EXPECT_EQ(counters.up, 5U);
  EXPECT_EQ(counters.down, 12U);
  EXPECT_FALSE(end.error);
}

TEST_F(StreamRelayTest, SendsWhatWasReadBeforeItBegan) {
  say("early");
  const auto read = [this]() -> Task<> {
    const auto got = co_await client.read_more(100);
    EXPECT_TRUE(got);
  };
  run_to_end(context, read());
  streams.second->finish();
  sockets.second.shutdown(Socket::shutdown_send);
  run();
  EXPECT_EQ(at_origin(), "early");
}

TEST_F(StreamRelayTest, EndsAtTheFirstByteThatIsTooMany) {
  say("123456");
  run({.upload = 5, .download = std::nullopt});
  EXPECT_EQ(end.closed_by, RelayClosedBy::limit);
  EXPECT_EQ(counters.up, 0U);
  EXPECT_EQ(at_origin(), "");
}

TEST_F(StreamRelayTest, AResetOfTheOneEndsTheOther) {
  streams.second->abort();
  run();
  EXPECT_EQ(end.closed_by, RelayClosedBy::client);
  EXPECT_EQ(at_origin(), "");
}

}  // namespace
}  // namespace sallyport
