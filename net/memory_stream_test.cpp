#include "net/memory_stream.hpp"

#include "net/loopback_test.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <gtest/gtest.h>

#include <list>
#include <string>

namespace sallyport {
namespace {

using namespace asio::experimental::awaitable_operators;
using testing::run_to_end;

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

struct MemoryStreamTest : ::testing::Test {
  explicit MemoryStreamTest(std::size_t capacity = 8) {
    auto pair = MemoryStream::make_pair(context.get_executor(), capacity);
    left = std::move(pair.first);
    right = std::move(pair.second);
  }

  // Starts work that is to suspend, and lets it.
  template <class T>
  void start(Task<Result<T>> work, Result<T>& result, bool& ended) {
    asio::co_spawn(context, std::move(work),
                   asio::bind_cancellation_slot(cancels.emplace_back().slot(),
                                                [&](const std::exception_ptr& thrown, Result<T> value) {
                                                  EXPECT_EQ(thrown, nullptr);
                                                  result = std::move(value);
                                                  ended = true;
                                                }));
    poll();
  }
  void poll() {
    context.restart();
    context.poll();
  }

  Result<std::size_t> read(MemoryStream& stream, std::string& into) {
    Result<std::size_t> result = error_code(asio::error::would_block);
    bool ended = false;
    into.resize(64);
    const std::span<std::uint8_t> room(reinterpret_cast<std::uint8_t*>(into.data()), into.size());
    start(stream.read_some(room), result, ended);
    into.resize(result ? *result : 0);
    return result;
  }
  Result<void> write(MemoryStream& stream, std::string_view what) {
    Result<void> result = error_code(asio::error::would_block);
    bool ended = false;
    start(stream.write(bytes_of(what)), result, ended);
    return result;
  }

  asio::io_context context;
  std::list<asio::cancellation_signal> cancels;  // one for each start()
  std::unique_ptr<MemoryStream> left;
  std::unique_ptr<MemoryStream> right;
  std::string text;
};

TEST_F(MemoryStreamTest, CarriesBytesBothWays) {
  EXPECT_TRUE(write(*left, "ping"));
  EXPECT_TRUE(write(*right, "pong!"));
  EXPECT_TRUE(read(*right, text));
  EXPECT_EQ(text, "ping");
  EXPECT_TRUE(read(*left, text));
  EXPECT_EQ(text, "pong!");
}

TEST_F(MemoryStreamTest, AReaderWaitsForTheFirstByte) {
  std::string into(4, ' ');
  Result<std::size_t> result = error_code();
  bool ended = false;
  start(right->read_some({reinterpret_cast<std::uint8_t*>(into.data()), into.size()}), result, ended);
  EXPECT_FALSE(ended);
  EXPECT_EQ(left->write_now(bytes_of("x")), 1u);
  poll();
  EXPECT_TRUE(ended);
  EXPECT_EQ(result.value(), 1u);
}

TEST_F(MemoryStreamTest, AWriterWaitsUntilTheReaderHasTakenEnough) {
  Result<void> result = error_code();
  bool ended = false;
  start(left->write(bytes_of("0123456789abcdef!")), result, ended);
  EXPECT_FALSE(ended);
  std::string all;
  for (int i = 0; i < 3; ++i) {
    EXPECT_LE(right->readable().size(), 8u);
    read(*right, text);
    all += text;
    poll();
  }
  EXPECT_TRUE(ended);
  EXPECT_EQ(all, "0123456789abcdef!");
}

TEST_F(MemoryStreamTest, FinishLeavesWhatWasWrittenAndTheOtherDirection) {
  write(*left, "last");
  left->finish();
  read(*right, text);
  EXPECT_EQ(text, "last");
  EXPECT_TRUE(right->at_end());
  EXPECT_EQ(read(*right, text).error(), asio::error::eof);
  EXPECT_TRUE(write(*right, "answer"));
  read(*left, text);
  EXPECT_EQ(text, "answer");
  EXPECT_EQ(write(*left, "more").error(), asio::error::broken_pipe);
}

TEST_F(MemoryStreamTest, AnAbortEndsBothDirectionsAtOnce) {
  write(*left, "unread");
  left->abort();
  EXPECT_EQ(read(*right, text).error(), asio::error::connection_reset);
  EXPECT_EQ(write(*right, "x").error(), asio::error::connection_reset);
  EXPECT_EQ(read(*left, text).error(), asio::error::operation_aborted);
  EXPECT_TRUE(right->is_broken());
  EXPECT_TRUE(right->readable().empty());
}

TEST_F(MemoryStreamTest, AnAbortMaySayWhy) {
  left->abort(asio::error::timed_out);
  EXPECT_EQ(read(*right, text).error(), asio::error::timed_out);
}

TEST_F(MemoryStreamTest, AnAbortWakesWhoeverWaits) {
  Result<std::size_t> mine = error_code();
  Result<void> theirs = error_code();
  bool read_ended = false;
  bool write_ended = false;
  std::string into(4, ' ');
  start(left->read_some({reinterpret_cast<std::uint8_t*>(into.data()), into.size()}), mine, read_ended);
  start(left->write(bytes_of("too much for it")), theirs, write_ended);
  right->abort();
  poll();
  EXPECT_TRUE(read_ended);
  EXPECT_TRUE(write_ended);
  EXPECT_EQ(mine.error(), asio::error::connection_reset);
  EXPECT_EQ(theirs.error(), asio::error::connection_reset);
}

TEST_F(MemoryStreamTest, AnEndThatIsDroppedUnfinishedLeavesItsBytesButNoOrderlyEnd) {
  write(*left, "half");
  left.reset();
  EXPECT_FALSE(right->has_peer());
  EXPECT_FALSE(right->is_broken());
  EXPECT_EQ(write(*right, "x").error(), asio::error::broken_pipe);
  EXPECT_TRUE(read(*right, text));
  EXPECT_EQ(text, "half");
  EXPECT_EQ(read(*right, text).error(), asio::error::connection_reset);
  EXPECT_TRUE(right->is_broken());
}

TEST_F(MemoryStreamTest, AClosedEndIsForThePeerAsGone) {
  write(*left, "last");
  left->finish();
  left->close();
  EXPECT_FALSE(right->has_peer());
  read(*right, text);
  EXPECT_EQ(text, "last");
  EXPECT_EQ(read(*right, text).error(), asio::error::eof);
  EXPECT_EQ(read(*left, text).error(), asio::error::operation_aborted);
}

TEST_F(MemoryStreamTest, WhoStopsReadingMayStillWrite) {
  Result<void> theirs = error_code();
  bool ended = false;
  start(right->write(bytes_of("more than there is room for")), theirs, ended);
  left->stop_reading();
  poll();
  EXPECT_TRUE(ended);
  EXPECT_EQ(theirs.error(), asio::error::broken_pipe);
  EXPECT_FALSE(right->has_reader());
  EXPECT_EQ(read(*left, text).error(), asio::error::operation_aborted);
  EXPECT_TRUE(write(*left, "answer"));
  read(*right, text);
  EXPECT_EQ(text, "answer");
}

TEST_F(MemoryStreamTest, IsQuietWhileNothingCameAndNobodyLeft) {
  EXPECT_TRUE(right->is_quiet());
  left->write_now(bytes_of("x"));
  EXPECT_FALSE(right->is_quiet());
  right->consume(1);
  EXPECT_TRUE(right->is_quiet());
  left->finish();
  EXPECT_FALSE(right->is_quiet());
}

TEST_F(MemoryStreamTest, AnEndThatIsDroppedAfterFinishingLeavesItsBytes) {
  write(*left, "whole");
  left->finish();
  left.reset();
  EXPECT_EQ(write(*right, "x").error(), asio::error::broken_pipe);
  read(*right, text);
  EXPECT_EQ(text, "whole");
  EXPECT_EQ(read(*right, text).error(), asio::error::eof);
}

TEST_F(MemoryStreamTest, A_13_TellsWhenThePeerHasGoneWhileBytesAreUnread) {
  write(*left, "body");
  Result<void> gone = error_code(asio::error::would_block);
  bool ended = false;
  start(right->peer_gone(), gone, ended);
  EXPECT_FALSE(ended);
  left.reset();
  poll();
  EXPECT_TRUE(ended);
  EXPECT_TRUE(gone);
}

TEST_F(MemoryStreamTest, AFinishedPeerHasGoneToo) {
  Result<void> gone = error_code(asio::error::would_block);
  bool ended = false;
  left->finish();
  start(right->peer_gone(), gone, ended);
  EXPECT_TRUE(ended);
  EXPECT_TRUE(gone);
}

TEST_F(MemoryStreamTest, EveryWaitObeysCancellation) {
  Result<std::size_t> got = error_code();
  bool ended = false;
  std::string into(4, ' ');
  start(left->read_some({reinterpret_cast<std::uint8_t*>(into.data()), into.size()}), got, ended);
  cancels.back().emit(asio::cancellation_type::terminal);
  poll();
  EXPECT_TRUE(ended);
  EXPECT_EQ(got.error(), asio::error::operation_aborted);

  Result<void> sent = error_code();
  ended = false;
  start(left->write(bytes_of("0123456789")), sent, ended);
  EXPECT_FALSE(ended);
  cancels.back().emit(asio::cancellation_type::terminal);
  poll();
  EXPECT_TRUE(ended);
  EXPECT_EQ(sent.error(), asio::error::operation_aborted);

  ended = false;
  start(left->peer_gone(), sent, ended);
  cancels.back().emit(asio::cancellation_type::terminal);
  poll();
  EXPECT_TRUE(ended);
  EXPECT_EQ(sent.error(), asio::error::operation_aborted);
  EXPECT_FALSE(right->is_broken());
}

TEST_F(MemoryStreamTest, TellsOfEveryChangeByThePeer) {
  int changes = 0;
  right->on_change([&] { ++changes; });
  left->write_now(bytes_of("ab"));
  EXPECT_EQ(changes, 1);
  right->write_now(bytes_of("c"));
  EXPECT_EQ(changes, 1);
  left->consume(1);
  EXPECT_EQ(changes, 2);
  left->finish();
  EXPECT_EQ(changes, 3);
  left.reset();
  EXPECT_EQ(changes, 4);
}

struct WideMemoryStreamTest : MemoryStreamTest {
  WideMemoryStreamTest() : MemoryStreamTest(MemoryStream::usual_capacity) {}

  Task<> send(std::size_t total) {
    std::string block(10'007, ' ');
    for (std::size_t sent = 0; sent < total; sent += block.size()) {
      for (std::size_t i = 0; i < block.size(); ++i) block[i] = pattern(sent + i);
      const auto bytes = bytes_of(block);
      const auto done = co_await left->write(bytes);
      EXPECT_TRUE(done);
    }
    left->finish();
  }
  Task<> receive() {
    std::vector<std::uint8_t> block(7'919);
    for (;;) {
      const std::span<std::uint8_t> room(block);
      const auto got = co_await right->read_some(room);
      if (!got) co_return;
      for (std::size_t i = 0; i < *got; ++i) good &= block[i] == static_cast<std::uint8_t>(pattern(received + i));
      received += *got;
    }
  }
  Task<> both(std::size_t total) { co_await (send(total) && receive()); }

  static char pattern(std::size_t at) { return static_cast<char>((at * 2654435761u) >> 13); }

  std::size_t received = 0;
  bool good = true;
};

TEST_F(WideMemoryStreamTest, CarriesMegabytesUnchanged) {
  const std::size_t total = 10'007 * 400;
  run_to_end(context, both(total));
  EXPECT_EQ(received, total);
  EXPECT_TRUE(good);
}

}  // namespace
}  // namespace sallyport
