#include "proxy/wire/socks.hpp"

#include <gtest/gtest.h>

namespace sallyport::wire {
namespace {

using Buffer = std::vector<std::uint8_t>;

template <class Parse>
void expect_every_prefix_needs_more(const Buffer& message, Parse parse) {
  for (std::size_t length = 0; length < message.size(); ++length) {
    const auto part = parse(std::span(message).first(length));
    ASSERT_TRUE(part.has_error()) << length;
    ASSERT_EQ(part.error(), SocksFault::need_more) << length;
  }
  Buffer longer = message;
  longer.push_back(0x16);
  ASSERT_TRUE(parse(std::span<const std::uint8_t>(longer)));
  EXPECT_EQ(parse(std::span<const std::uint8_t>(longer))->consumed, message.size());
}

const auto request5 = [](std::span<const std::uint8_t> bytes) { return parse_socks5_request(bytes); };
const auto request4 = [](std::span<const std::uint8_t> bytes) { return parse_socks4_request(bytes); };

TEST(Socks5, ReadsARequestForAName) {
  const Buffer message{5, 1, 0, 3, 6, 'a', '.', 't', 'e', 's', 't', 0x01, 0xbb};
  const auto request = parse_socks5_request(message);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->value.kind, SocksHostKind::name);
  EXPECT_EQ(request->value.host, "a.test");
  EXPECT_EQ(request->value.port, 443);
  expect_every_prefix_needs_more(message, request5);
}

TEST(Socks5, ReadsARequestForAnAddress) {
  const Buffer four{5, 1, 0, 1, 192, 0, 2, 7, 0, 80};
  EXPECT_EQ(parse_socks5_request(four)->value.host, "192.0.2.7");
  expect_every_prefix_needs_more(four, request5);
  const Buffer six{5, 1, 0, 4, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80};
  EXPECT_EQ(parse_socks5_request(six)->value.host, "2001:0db8:0000:0000:0000:0000:0000:0001");
  EXPECT_EQ(parse_socks5_request(six)->value.kind, SocksHostKind::ip6);
  expect_every_prefix_needs_more(six, request5);
}

TEST(Socks5, RefusesWhatIsNoConnect) {
  EXPECT_EQ(parse_socks5_request(Buffer{5, 2}).error(), SocksFault::unsupported_command);
  EXPECT_EQ(parse_socks5_request(Buffer{5, 3, 0, 1}).error(), SocksFault::unsupported_command);
  EXPECT_EQ(parse_socks5_request(Buffer{5, 1, 0, 2}).error(), SocksFault::unsupported_address);
  EXPECT_EQ(parse_socks5_request(Buffer{5, 1, 1}).error(), SocksFault::malformed);
  EXPECT_EQ(parse_socks5_request(Buffer{4}).error(), SocksFault::malformed);
  EXPECT_EQ(parse_socks5_request(Buffer{5, 1, 0, 3, 0}).error(), SocksFault::malformed);
}

TEST(Socks5, HandsANameOverExactlyAsSent) {
  const auto request = parse_socks5_request(Buffer{5, 1, 0, 3, 3, 'a', 0, '\n', 0, 80});
  EXPECT_EQ(request->value.host, std::string("a\0\n", 3));
}

TEST(Socks5, ReadsAGreeting) {
  const Buffer message{5, 2, 0, 2};
  const auto greeting = parse_socks5_greeting(message);
  ASSERT_TRUE(greeting);
  EXPECT_TRUE(greeting->value.offers(SocksMethod::none));
  EXPECT_TRUE(greeting->value.offers(SocksMethod::password));
  EXPECT_FALSE(greeting->value.offers(SocksMethod::unacceptable));
  expect_every_prefix_needs_more(message, [](auto bytes) { return parse_socks5_greeting(bytes); });
  EXPECT_EQ(parse_socks5_greeting(Buffer{5, 0}).error(), SocksFault::malformed);
}

TEST(Socks5, C_06_ReadsCredentials) {
  const Buffer message{1, 3, 'b', 'o', 't', 2, 'p', 'w'};
  EXPECT_EQ(parse_socks5_credentials(message)->value.user, "bot");
  EXPECT_EQ(parse_socks5_credentials(message)->value.password, "pw");
  expect_every_prefix_needs_more(message, [](auto bytes) { return parse_socks5_credentials(bytes); });
  EXPECT_EQ(parse_socks5_credentials(Buffer{5, 3}).error(), SocksFault::malformed);
  EXPECT_EQ(parse_socks5_credentials(Buffer{1, 0}).error(), SocksFault::malformed);
}

TEST(Socks4, ReadsARequestForAnAddress) {
  const Buffer message{4, 1, 0, 80, 192, 0, 2, 7, 'm', 'e', 0};
  EXPECT_EQ(parse_socks4_request(message)->value.host, "192.0.2.7");
  EXPECT_EQ(parse_socks4_request(message)->value.user, "me");
  expect_every_prefix_needs_more(message, request4);
}

TEST(Socks4, ReadsARequestForAName) {
  const Buffer message{4, 1, 0x01, 0xbb, 0, 0, 0, 1, 0, 'a', '.', 't', 0};
  EXPECT_EQ(parse_socks4_request(message)->value.host, "a.t");
  EXPECT_EQ(parse_socks4_request(message)->value.kind, SocksHostKind::name);
  expect_every_prefix_needs_more(message, request4);
  EXPECT_EQ(parse_socks4_request(Buffer{4, 1, 0, 80, 0, 0, 0, 1, 0, 0}).error(), SocksFault::malformed);
}

TEST(Socks4, TakesNoEndlessText) {
  Buffer message{4, 1, 0, 80, 192, 0, 2, 7};
  message.insert(message.end(), 255, 'x');
  EXPECT_EQ(parse_socks4_request(message).error(), SocksFault::need_more);
  message.push_back('x');
  EXPECT_EQ(parse_socks4_request(message).error(), SocksFault::malformed);
  EXPECT_EQ(parse_socks4_request(Buffer{4, 2}).error(), SocksFault::unsupported_command);
}

TEST(SocksReplies, AreWholeMessages) {
  EXPECT_EQ(socks5_reply(Socks5Reply::not_allowed), (std::array<std::uint8_t, 10>{5, 2, 0, 1}));
  EXPECT_EQ(socks4_reply(Socks4Reply::refused), (std::array<std::uint8_t, 8>{0, 91}));
  EXPECT_EQ(socks5_method_reply(SocksMethod::unacceptable), (std::array<std::uint8_t, 2>{5, 0xff}));
  EXPECT_EQ(socks5_login_reply(SocksLogin::refused), (std::array<std::uint8_t, 2>{1, 1}));
  EXPECT_EQ(socks5_reply_for(SocksFault::unsupported_command), Socks5Reply::command_not_supported);
}

}  // namespace
}  // namespace sallyport::wire
