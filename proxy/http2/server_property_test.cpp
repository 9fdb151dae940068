// What holds for any bytes a client may send, and however they are cut.
#include "proxy/http2/raw_peer_for_test.hpp"
#include "proxy/http2/server.hpp"
#include "proxy/wire/body_reader.hpp"
#include "proxy/wire/http_head.hpp"

#include <boost/asio/co_spawn.hpp>
#include <gtest/gtest.h>

namespace sallyport {
namespace {

using namespace testing;

// A connection of every kind of frame.
std::string recorded() {
  asio::io_context context;
  auto [near, far] = MemoryStream::make_pair(context.get_executor());
  RawPeer client(std::move(near));
  const wire::Fields get{
      {":method", "GET"}, {":scheme", "https"}, {":authority", "a.test"}, {":path", "/x?y"}, {"accept", "*/*"}};
  const wire::Fields post{{":method", "POST"}, {":scheme", "https"}, {":authority", "a.test"}, {":path", "/up"}};
  const wire::Fields put{
      {":method", "PUT"}, {":scheme", "https"}, {":authority", "a.test"}, {":path", "/p"}, {"content-length", "3"}};
  client.client_preface();
  client.settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 100'000}, {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}});
  client.headers(1, get);
  client.headers(3, post, no_flag);
  client.data(3, "some");
  client.frame(NGHTTP2_PING, no_flag, 0, "12345678");
  client.headers(3, {{"x-sum", "1"}}, end_stream);
  const std::string block = hpack(put);
  client.frame(NGHTTP2_HEADERS, no_flag, 5, block.substr(0, 30));
  client.frame(NGHTTP2_CONTINUATION, end_headers, 5, block.substr(30));
  client.open_window(5, 1000);
  client.data(5, "abc", end_stream);
  client.frame(NGHTTP2_PRIORITY, no_flag, 7, number(0) + "x");
  client.headers(9, get);
  client.reset(9, NGHTTP2_CANCEL);
  client.frame(0xfa, no_flag, 0, "of no known type");
  return text_of(far->readable());
}

// What a server hands out for these bytes, a piece at a time; then the client leaves.
std::vector<std::string> served(std::string_view bytes, std::size_t step) {
  asio::io_context context;
  auto [client, transport] = MemoryStream::make_pair(context.get_executor(), 1 << 20);
  std::vector<std::unique_ptr<MemoryStream>> requests;
  Http2ServerEvents events;
  events.on_request = [&](std::unique_ptr<MemoryStream> stream) { requests.push_back(std::move(stream)); };
  Http2Server server(context.get_executor(), *transport, {}, std::move(events));
  bool ended = false;
  asio::co_spawn(context, server.run(), [&](const std::exception_ptr& thrown) {
    EXPECT_EQ(thrown, nullptr);
    ended = true;
  });
  for (; !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size()))) {
    client->write_now(bytes_of(bytes.substr(0, step)));
    context.restart();
    context.poll();
    client->consume(client->readable().size());
  }
  std::vector<std::string> texts;
  texts.reserve(requests.size());
  for (const auto& request : requests) texts.push_back(text_of(request->readable()));
  client.reset();
  context.restart();
  context.poll();
  EXPECT_TRUE(ended);
  for (const auto& request : requests) EXPECT_TRUE(request->is_broken());
  return texts;
}

// The head and the body that a strict parser reads, or refuses; fails where there is a byte behind them.
std::string understood(const std::string& text, const std::string& what) {
  if (text.empty()) return {};  // reset before it was read
  const auto head = wire::parse_request_head(bytes_of(text));
  if (!head) {
    EXPECT_NE(head.error(), wire::HeadFault::need_more) << what;
    return text;
  }
  std::string all = text.substr(0, head->consumed);
  wire::BodyReader body(head->value.framing);
  auto rest = bytes_of(text).subspan(head->consumed);
  while (!rest.empty()) {
    const auto step = body.feed(rest);
    EXPECT_TRUE(step && step->consumed > 0) << what;
    if (!step || step->consumed == 0) break;
    all += text_of(step->data);
    rest = rest.subspan(step->consumed);
  }
  for (const auto& field : body.trailers()) all += "\n" + field.name + "=" + field.value;
  return all;
}

std::vector<std::string> understood(const std::vector<std::string>& texts, const std::string& what) {
  std::vector<std::string> all;
  all.reserve(texts.size());
  for (const std::string& text : texts) all.push_back(understood(text, what));
  return all;
}

TEST(Http2Bytes, TheCutOfTheBytesMakesNoDifference) {
  const std::string bytes = recorded();
  const auto whole = understood(served(bytes, bytes.size()), "whole");
  ASSERT_EQ(whole.size(), 4u);
  EXPECT_EQ(whole[0], "GET /x?y HTTP/1.1\r\nhost: a.test\r\naccept: */*\r\n\r\n");
  EXPECT_TRUE(whole[1].ends_with("\r\n\r\nsome\nx-sum=1"));
  EXPECT_EQ(whole[2], "PUT /p HTTP/1.1\r\nhost: a.test\r\ncontent-length: 3\r\n\r\nabc");
  EXPECT_EQ(whole[3], "");
  for (const std::size_t step : {1, 2, 3, 7, 9, 30}) {
    EXPECT_EQ(understood(served(bytes, step), "cut"), whole) << step;
  }
}

TEST(Http2Bytes, APrefixNeverHandsOutAnotherRequest) {
  const std::string bytes = recorded();
  const auto whole = understood(served(bytes, bytes.size()), "whole");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto part = understood(served(std::string_view(bytes).substr(0, size), bytes.size()), "part");
    ASSERT_LE(part.size(), whole.size());
    for (std::size_t i = 0; i < part.size(); ++i) {
      EXPECT_TRUE(whole[i].empty() || whole[i].starts_with(part[i])) << size;  // empty: it is reset later
    }
  }
}

TEST(Http2Bytes, P_03_NoChangedByteMakesTwoRequestsOfOne) {
  const std::string bytes = recorded();
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const int change : {0x01, 0x20, 0x80, 0xff}) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ change);
      const std::string what = "byte " + std::to_string(at) + " by " + std::to_string(change);
      understood(served(changed, 64), what);
    }
  }
}

}  // namespace
}  // namespace sallyport
