#include "net/relay.hpp"

#include "net/loopback_test.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <thread>

namespace sallyport {
namespace {

using testing::connected_pair;

// client <-> near | relay | far <-> server, with the relay on the test's context and its ends blocking.
struct RelayTest : ::testing::Test {
  explicit RelayTest(PipePoolOptions options = {}) : pipes(options) {}

  void start(RelayLimits limits = {}) {
    asio::co_spawn(context, run(limits),
                   asio::bind_cancellation_slot(cancel.slot(), [this](const std::exception_ptr& exception) {
                     EXPECT_EQ(exception, nullptr);
                     done = true;
                   }));
  }

  Task<> run(RelayLimits limits) {
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    end = co_await relay(near_side, far_side, pipes, counters, limits);
  }

  void run_until(const std::function<bool()>& reached) {
    const auto deadline = Clock::now() + std::chrono::seconds(10);
    context.restart();
    while (!reached() && Clock::now() < deadline) context.run_one_until(Clock::now() + std::chrono::milliseconds(10));
    EXPECT_TRUE(reached());
  }
  void run_to_end() {
    run_until([this] { return done; });
  }
  void run_idle() { context.run_for(std::chrono::milliseconds(20)); }

  static void send(Socket& socket, std::string_view text) { asio::write(socket, asio::buffer(text)); }
  static std::string receive(Socket& socket, std::size_t size) {
    std::string text(size, ' ');
    asio::read(socket, asio::buffer(text));
    return text;
  }
  static bool at_end(Socket& socket) {
    char byte;
    error_code error;
    socket.read_some(asio::buffer(&byte, 1), error);
    return error == asio::error::eof;
  }

  asio::io_context context;
  PipePool pipes;
  std::pair<Socket, Socket> client_pair = connected_pair(context);
  std::pair<Socket, Socket> server_pair = connected_pair(context);
  Socket& client = client_pair.first;
  Socket& near_side = client_pair.second;
  Socket& far_side = server_pair.first;
  Socket& server = server_pair.second;
  RelayCounters counters;
  asio::cancellation_signal cancel;
  RelayEnd end;
  bool done = false;
};

struct CopyingRelayTest : RelayTest {
  CopyingRelayTest() : RelayTest({.keep = 0, .lend = 0}) {}
};

TEST_F(RelayTest, CarriesBytesBothWaysAndCountsThem) {
  start();
  send(client, "hello");
  send(server, "good day");
  run_until([this] { return counters.up == 5 && counters.down == 8; });
  EXPECT_EQ(receive(server, 5), "hello");
  EXPECT_EQ(receive(client, 8), "good day");
}

TEST_F(RelayTest, HoldsNoPipeWhileIdle) {
  start();
  send(client, "hello");
  run_until([this] { return counters.up == 5; });
  EXPECT_EQ(pipes.lent(), 0u);
  EXPECT_EQ(pipes.idle(), 1u);
}

TEST_F(RelayTest, C_13_KeepsTheOtherDirectionAfterAHalfClose) {
  start();
  send(client, "question");
  client.shutdown(Socket::shutdown_send);
  run_until([this] { return counters.up == 8; });
  run_idle();
  EXPECT_EQ(receive(server, 8), "question");
  EXPECT_TRUE(at_end(server));
  EXPECT_FALSE(done);
  send(server, "answer");
  server.shutdown(Socket::shutdown_send);
  run_to_end();
  EXPECT_EQ(receive(client, 6), "answer");
  EXPECT_TRUE(at_end(client));
  EXPECT_EQ(end.closed_by, RelayClosedBy::client);
  EXPECT_FALSE(end.error);
}

TEST_F(RelayTest, SaysThatUpstreamEndedFirst) {
  start();
  server.shutdown(Socket::shutdown_send);
  run_idle();
  EXPECT_TRUE(at_end(client));
  client.close();
  run_to_end();
  EXPECT_EQ(end.closed_by, RelayClosedBy::upstream);
}

TEST_F(RelayTest, ClosesBothSidesAtAReset) {
  start();
  run_idle();
  client.set_option(asio::socket_base::linger(true, 0));
  client.close();
  run_to_end();
  EXPECT_EQ(end.closed_by, RelayClosedBy::client);
  EXPECT_EQ(end.error, asio::error::connection_reset);
  EXPECT_FALSE(near_side.is_open());
  EXPECT_FALSE(far_side.is_open());
}

TEST_F(RelayTest, LetsExactlyTheLimitThrough) {
  start({.upload = 4, .download = {}});
  send(client, "1234");
  client.shutdown(Socket::shutdown_send);
  server.shutdown(Socket::shutdown_send);
  run_to_end();
  EXPECT_NE(end.closed_by, RelayClosedBy::limit);
  EXPECT_EQ(receive(server, 4), "1234");
}

TEST_F(RelayTest, EndsAtTheFirstByteBeyondTheLimit) {
  start({.upload = {}, .download = 4});
  send(server, "12345");
  run_to_end();
  EXPECT_EQ(end.closed_by, RelayClosedBy::limit);
  EXPECT_EQ(counters.down, 4u);
  EXPECT_EQ(receive(client, 4), "1234");
  EXPECT_FALSE(far_side.is_open());
}

TEST_F(RelayTest, EndsWhenCancelled) {
  start();
  run_idle();
  cancel.emit(asio::cancellation_type::total);
  run_to_end();
  EXPECT_EQ(end.closed_by, RelayClosedBy::cancelled);
  EXPECT_FALSE(near_side.is_open());
  EXPECT_FALSE(far_side.is_open());
}

TEST_F(RelayTest, ACancellationIsTheEndEvenAfterAHalfClose) {
  start();
  client.shutdown(Socket::shutdown_send);
  run_idle();
  cancel.emit(asio::cancellation_type::total);
  run_to_end();
  EXPECT_EQ(end.closed_by, RelayClosedBy::cancelled);
}

// Fills the way to a server that does not read, so that bytes stand in the pipe.
void stall(RelayTest& test) {
  test.client.non_blocking(true);
  const std::string block(64 << 10, 'x');
  error_code error;
  int quiet = 0;
  while (quiet < 5) {
    quiet = test.client.write_some(asio::buffer(block), error) == 0 ? quiet + 1 : 0;
    test.context.restart();
    test.context.run_for(std::chrono::milliseconds(5));
  }
}

TEST_F(RelayTest, ThrowsAwayAPipeThatStillHoldsBytes) {
  start();
  stall(*this);
  EXPECT_EQ(pipes.lent(), 1u);
  cancel.emit(asio::cancellation_type::total);
  run_to_end();
  EXPECT_EQ(pipes.lent(), 0u);
  EXPECT_EQ(pipes.idle(), 0u);
}

TEST_F(RelayTest, KeepsRelayingTheOtherWayWhileOneIsStalled) {
  start();
  stall(*this);
  send(server, "still here");
  run_until([this] { return counters.down == 10; });
  EXPECT_EQ(receive(client_pair.first, 10), "still here");
}

TEST_F(RelayTest, SurvivesAWriteToAPeerThatHasGone) {
  start();
  stall(*this);
  server.set_option(asio::socket_base::linger(true, 0));
  server.close();
  run_to_end();
  EXPECT_EQ(end.closed_by, RelayClosedBy::upstream);
  EXPECT_TRUE(end.error);
}

TEST_F(RelayTest, P_12_StepsOverUrgentDataWithoutSpinning) {
  start();
  send(client, "ab");
  ASSERT_EQ(::send(client.native_handle(), "!", 1, MSG_OOB), 1);
  send(client, "cd");
  run_until([this] { return counters.up >= 4; });
  EXPECT_EQ(receive(server, 4), "abcd");
  context.restart();
  EXPECT_LT(context.run_for(std::chrono::milliseconds(20)), 20u);
}

std::string pattern(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 2654435761u) >> 13);
  return text;
}

void carries_megabytes_unchanged(RelayTest& test) {
  test.start();
  const std::string sent = pattern(20 << 20);
  std::string got;
  std::thread writer([&] {
    RelayTest::send(test.client, sent);
    test.client.shutdown(Socket::shutdown_send);
  });
  std::thread reader([&] {
    got = RelayTest::receive(test.server, sent.size());
    test.server.shutdown(Socket::shutdown_send);
  });
  test.run_to_end();
  writer.join();
  reader.join();
  EXPECT_TRUE(got == sent);
  EXPECT_EQ(test.counters.up, sent.size());
  EXPECT_FALSE(test.end.error);
}

TEST_F(RelayTest, CarriesMegabytesUnchanged) {
  carries_megabytes_unchanged(*this);
}

TEST_F(CopyingRelayTest, CarriesMegabytesUnchangedWithoutAnyPipe) {
  carries_megabytes_unchanged(*this);
}

TEST_F(CopyingRelayTest, KeepsTheLimitWithoutAnyPipe) {
  start({.upload = 3, .download = {}});
  send(client, "1234");
  run_to_end();
  EXPECT_EQ(end.closed_by, RelayClosedBy::limit);
  EXPECT_EQ(receive(server, 3), "123");
}

TEST(PipePool, KeepsNoMoreThanItsCap) {
  PipePool pool({.keep = 1, .lend = 3, .pipe_bytes = 64 << 10, .large_bytes = 64 << 10});
  {
    const PipeLease first = pool.borrow();
    const PipeLease second = pool.borrow();
    const PipeLease third = pool.borrow();
    EXPECT_TRUE(third);
    EXPECT_FALSE(pool.borrow());
  }
  EXPECT_EQ(pool.idle(), 1u);
  EXPECT_EQ(pool.lent(), 0u);
}

}  // namespace
}  // namespace sallyport
