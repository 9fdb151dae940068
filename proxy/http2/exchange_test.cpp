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
    ASSERT_LE(exchange.kept(), 6 * piece);
  }
  EXPECT_GE(read, 990 * piece);
}

TEST(Exchange, KeepsNoMoreOfWhatComesByteByByteThanItsBytes) {
  asio::io_context context;
  auto [near, far] = MemoryStream::make_pair(context.get_executor(), 1024);
  Exchange exchange(std::move(far), 64 << 10, nullptr);
  wire::Http1Head head;
  head.framing = {wire::Framing::Kind::chunked, 0};
  exchange.put_head(head);
  constexpr std::size_t count = 10'000;
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_TRUE(exchange.put_data(bytes_of("x")));
    exchange.flush_in();
    if (i % 7 == 0 && near->readable().size() >= 600) near->consume(600);
    // Or a peer could send more for each byte that is read than that byte.
    ASSERT_LE(exchange.kept(), exchange.unopened() + 600);
  }
  EXPECT_TRUE(exchange.put_end({}));
  std::string text;
  while (!exchange.in_is_flushed() || !near->readable().empty()) {
    text += text_of(near->readable());
    near->consume(near->readable().size());
    exchange.flush_in();
  }
  EXPECT_EQ(exchange.unopened(), 0u);
  EXPECT_EQ(text.substr(text.size() - 5), "0\r\n\r\n");
}

}  // namespace
}  // namespace sallyport
