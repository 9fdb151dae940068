#include "net/peer_gone.hpp"

#include "net/loopback_test.hpp"
#include "net/within.hpp"

#include <boost/asio/write.hpp>

namespace sallyport {
namespace {

using testing::connected_pair;
using testing::run_to_end;

struct PeerWatchTest : ::testing::Test {
  Task<> wait(Clock::duration limit) {
    const auto gone = co_await within(limit, watch.gone(socket));
    if (!gone) error = gone.error();
  }
  void wait_for(Clock::duration limit) { run_to_end(context, wait(limit)); }

  static constexpr auto briefly = std::chrono::milliseconds(20);
  static constexpr auto long_enough = std::chrono::seconds(5);

  asio::io_context context;
  PeerWatch watch{context};
  std::pair<Socket, Socket> ends = connected_pair(context);
  Socket& peer = ends.first;
  Socket& socket = ends.second;
  error_code error;
};

TEST_F(PeerWatchTest, NoticesAFinBehindUnreadBytes) {
  asio::write(peer, asio::buffer("unread", 6));
  peer.close();
  wait_for(long_enough);
  EXPECT_FALSE(error) << error.message();
  EXPECT_EQ(socket.available(), 6u);
}

TEST_F(PeerWatchTest, NoticesAFinThatComesLater) {
  Timer later(context.get_executor(), briefly);
  later.async_wait([&](error_code) { peer.shutdown(Socket::shutdown_send); });
  wait_for(long_enough);
  EXPECT_FALSE(error) << error.message();
}

TEST_F(PeerWatchTest, NoticesAReset) {
  peer.set_option(asio::socket_base::linger(true, 0));
  peer.close();
  wait_for(long_enough);
  EXPECT_FALSE(error) << error.message();
}

TEST_F(PeerWatchTest, IsNotMovedByBytes) {
  asio::write(peer, asio::buffer("unread", 6));
  wait_for(briefly);
  EXPECT_EQ(error, asio::error::timed_out);
}

TEST_F(PeerWatchTest, WatchesAgainAfterACancelledWait) {
  wait_for(briefly);
  EXPECT_EQ(error, asio::error::timed_out);
  error.clear();
  peer.close();
  wait_for(long_enough);
  EXPECT_FALSE(error) << error.message();
}

TEST_F(PeerWatchTest, SaysSoWhereItCannotWatch) {
  socket.close();
  wait_for(long_enough);
  EXPECT_TRUE(error);
}

TEST_F(PeerWatchTest, KeepsNoContextAliveWithoutAWait) {
  wait_for(briefly);
  context.restart();
  context.run();  // returns, or the test's time limit says otherwise
}

}  // namespace
}  // namespace sallyport
