#include "net/connection.hpp"

#include "net/loopback_test.hpp"
#include "net/within.hpp"

#include <boost/asio/write.hpp>

namespace sallyport {
namespace {

using testing::connected_pair;
using testing::run_to_end;

struct ConnectionTest : ::testing::Test {
  void send(std::string_view text) { asio::write(peer, asio::buffer(text)); }

  asio::io_context context;
  std::pair<Socket, Socket> ends = connected_pair(context);
  Socket& peer = ends.first;
  Connection connection{std::move(ends.second)};
};

Task<> read_until(Connection& connection, std::size_t size, std::size_t max_total) {
  while (connection.unread().size() < size) {
    const auto more = co_await connection.read_more(max_total);
    if (!more) throw boost::system::system_error(more.error());
  }
}

Task<> read_error(Connection& connection, std::size_t max_total, error_code& error) {
  const auto more = co_await connection.read_more(max_total);
  if (!more) error = more.error();
}

Task<> read_briefly(Connection& connection, error_code& error) {
  const auto more = co_await within(std::chrono::milliseconds(5), connection.read_more(10));
  if (!more) error = more.error();
}

TEST_F(ConnectionTest, KeepsWhatIsUnreadAcrossReads) {
  send("GET ");
  run_to_end(context, read_until(connection, 4, 100));
  EXPECT_EQ(connection.unread_text(), "GET ");
  connection.consume(1);
  send("/ HTTP");
  run_to_end(context, read_until(connection, 9, 100));
  EXPECT_EQ(connection.unread_text(), "ET / HTTP");
}

TEST_F(ConnectionTest, ReadsNoFurtherThanItsLimit) {
  send("0123456789");
  run_to_end(context, read_until(connection, 4, 4));
  EXPECT_EQ(connection.unread_text(), "0123");
  error_code error;
  run_to_end(context, read_error(connection, 4, error));
  EXPECT_EQ(error, asio::error::no_buffer_space);
}

TEST_F(ConnectionTest, TellsTheEndOfTheStream) {
  peer.shutdown(Socket::shutdown_send);
  error_code error;
  run_to_end(context, read_error(connection, 4, error));
  EXPECT_EQ(error, asio::error::eof);
}

TEST_F(ConnectionTest, ObeysATimeLimit) {
  error_code error;
  run_to_end(context, read_briefly(connection, error));
  EXPECT_EQ(error, asio::error::timed_out);
}

TEST_F(ConnectionTest, ConsumesNoMoreThanThereIs) {
  send("abc");
  run_to_end(context, read_until(connection, 3, 100));
  connection.consume(1000);
  EXPECT_TRUE(connection.unread().empty());
}

Task<> write_text(Connection& connection, std::string_view text) {
  const auto written = co_await connection.write(text);
  if (!written) throw boost::system::system_error(written.error());
}

TEST_F(ConnectionTest, WritesEverything) {
  run_to_end(context, write_text(connection, "hello"));
  std::string got(5, ' ');
  asio::read(peer, asio::buffer(got));
  EXPECT_EQ(got, "hello");
}

}  // namespace
}  // namespace sallyport
