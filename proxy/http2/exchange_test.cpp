#include "proxy/http2/exchange.hpp"

#include "proxy/http2/raw_peer_for_test.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

using namespace testing;

TEST(Exchange, ForgetsWhatHasGoneToAReaderThatIsAlwaysBehind) {
  asio::io_context context;
  constexpr std::size_t piece = 16 << 10;
  auto [near, far] = MemoryStream::make_pair(context.get_executor(), piece);
  Exchange exchange(std::move(far), 4 * piece, nullptr);
  wire::Http1Head head;
  head.framing = {wire::Framing::Kind::chunked, 0};
  exchange.put_head(head);
  const std::string data(piece, 'x');
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(exchange.put_data(bytes_of(data)));
  std::size_t read = 0;
  for (int i = 0; i < 1000; ++i) {
    exchange.flush_in();
    read += near->readable().size();
    near->consume(near->readable().size());
    EXPECT_TRUE(exchange.put_data(bytes_of(data)));
    ASSERT_FALSE(exchange.in_is_flushed());
    ASSERT_LE(exchange.kept(), 10 * piece);
  }
  EXPECT_EQ(read, 1000 * piece);
}

}  // namespace
}  // namespace sallyport
