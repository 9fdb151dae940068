#include "proxy/upstream_pool.hpp"

#include "net/loopback_test.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

namespace sallyport {
namespace {

using testing::connected_pair;
using testing::run_to_end;

struct UpstreamPoolTest : ::testing::Test {
  // A connection that has served a request, and the server's end of it.
  Socket give_back(const Destination& where) {
    auto [near_end, far_end] = connected_pair(context);
    pool.give_back(UpstreamPool::Lent{Connection(std::move(near_end)), Address::v4({192, 0, 2, 1}), {}}, where);
    return std::move(far_end);
  }
  std::optional<UpstreamPool::Lent> borrow(const Destination& where) {
    std::optional<UpstreamPool::Lent> lent;
    run_to_end(context, borrowing(where, lent));
    return lent;
  }
  Task<> borrowing(Destination where, std::optional<UpstreamPool::Lent>& lent) {
    lent = co_await pool.borrow(std::move(where));
  }
  static Destination destination(const char* host) { return Destination{Host::parse(host).value(), 443}; }

  asio::io_context context;
  UpstreamPool pool{context.get_executor(), Http2Options{}};
  const Destination to = destination("allowed.test");
};

TEST_F(UpstreamPoolTest, LendsWhatWasGivenBackOnceAndSaysWhereItLeads) {
  const Socket server = give_back(to);
  const auto lent = borrow(to);
  ASSERT_TRUE(lent);
  EXPECT_EQ(lent->peer, Address::v4({192, 0, 2, 1}));
  EXPECT_FALSE(borrow(to));
}

TEST_F(UpstreamPoolTest, LendsNothingForAnotherDestination) {
  const Socket server = give_back(to);
  EXPECT_FALSE(borrow(destination("other.test")));
  EXPECT_TRUE(borrow(to));
}

TEST_F(UpstreamPoolTest, LendsNothingThatTheServerHasClosed) {
  give_back(to).close();
  EXPECT_FALSE(borrow(to));
}

TEST_F(UpstreamPoolTest, LendsNothingOnWhichTheServerSpokeUnasked) {
  Socket server = give_back(to);
  asio::write(server, asio::buffer(std::string_view("HTTP/1.1 200 OK\r\n\r\n")));
  EXPECT_FALSE(borrow(to));
}

TEST_F(UpstreamPoolTest, KeepsEightAndClosesTheOldest) {
  std::vector<Socket> servers;
  servers.reserve(9);
  for (int each = 0; each < 9; ++each) servers.push_back(give_back(to));
  int lent = 0;
  while (borrow(to)) ++lent;
  EXPECT_EQ(lent, 8);
}

TEST_F(UpstreamPoolTest, ABorrowerWaitsForWhoDialsAndGetsWhatComesOfIt) {
  std::optional<UpstreamPool::Turn> turn;
  turn.emplace(pool, to.text());
  std::optional<Socket> server;
  asio::post(context, [&] {
    server = give_back(to);
    turn.reset();
  });
  EXPECT_TRUE(borrow(to));
  EXPECT_TRUE(server) << "it did not wait";
}

TEST_F(UpstreamPoolTest, ABorrowerOfAnotherDestinationDoesNotWait) {
  const UpstreamPool::Turn turn(pool, to.text());
  EXPECT_FALSE(borrow(destination("other.test")));
}

}  // namespace
}  // namespace sallyport
