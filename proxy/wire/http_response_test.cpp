#include "proxy/wire/http_head.hpp"

#include <gtest/gtest.h>

namespace sallyport::wire {
namespace {

auto parse(std::string_view text, std::string_view method = "GET") {
  return parse_response_head({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, method);
}

HeadFault fault_of(std::string_view text, std::string_view method = "GET") {
  const auto head = parse(text, method);
  EXPECT_TRUE(head.has_error()) << text;
  return head ? HeadFault::need_more : head.error();
}

Framing framing_of(std::string_view text, std::string_view method = "GET") {
  const auto head = parse(text, method);
  EXPECT_TRUE(head.has_value()) << text;
  return head ? head->value.framing : Framing{};
}

TEST(ResponseHead, IsReadWhole) {
  const auto head = parse("HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->value.status, 404u);
  EXPECT_EQ(head->value.reason, "Not Found");
  EXPECT_EQ(head->value.framing, (Framing{Framing::Kind::length, 3}));
  EXPECT_EQ(head->consumed, 45u);
  EXPECT_TRUE(parse("HTTP/1.1 200\r\n\r\n"));
  EXPECT_TRUE(parse("HTTP/1.1 200 \r\n\r\n"));
}

TEST(ResponseHead, HasTheBodyThatStatusAndMethodAllow) {
  const std::string length = "Content-Length: 3\r\n\r\n";
  EXPECT_EQ(framing_of("HTTP/1.1 200 OK\r\n" + length, "HEAD").kind, Framing::Kind::none);
  EXPECT_EQ(framing_of("HTTP/1.1 304 OK\r\n" + length).kind, Framing::Kind::none);
  EXPECT_EQ(framing_of("HTTP/1.1 200 OK\r\n" + length, "CONNECT").kind, Framing::Kind::none);
  EXPECT_EQ(framing_of("HTTP/1.1 403 OK\r\n" + length, "CONNECT").kind, Framing::Kind::length);
  EXPECT_EQ(framing_of("HTTP/1.1 204 OK\r\nContent-Length: 0\r\n\r\n").kind, Framing::Kind::none);
  EXPECT_EQ(framing_of("HTTP/1.1 100 Continue\r\n\r\n").kind, Framing::Kind::none);
  EXPECT_EQ(framing_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").kind, Framing::Kind::chunked);
}

TEST(ResponseHead, EndsWithTheConnectionWhereNothingElseIsSaid) {
  const auto head = parse("HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_EQ(head->value.framing.kind, Framing::Kind::until_close);
  EXPECT_FALSE(head->value.keep_alive);
}

TEST(ResponseHead, H_22_RefusesWhatCouldSplit) {
  EXPECT_EQ(fault_of("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n"), HeadFault::duplicate_length);
  EXPECT_EQ(fault_of("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
            HeadFault::length_and_encoding);
  EXPECT_EQ(fault_of("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), HeadFault::encoding_on_1_0);
  EXPECT_EQ(fault_of("HTTP/1.1 204 OK\r\nContent-Length: 3\r\n\r\n"), HeadFault::body_not_allowed);
  EXPECT_EQ(fault_of("HTTP/1.1 100 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), HeadFault::body_not_allowed);
  EXPECT_EQ(fault_of("HTTP/1.1 200 OK\nX: y\n\n"), HeadFault::bad_line_end);
  EXPECT_EQ(fault_of("HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n"), HeadFault::bad_line_end);
}

TEST(ResponseHead, RefusesOtherStatusLines) {
  for (const char* line : {"HTTP/1.1 20", "HTTP/1.1 2000 OK", "HTTP/1.1 099 x", "HTTP/1.1 600 x", "HTTP/1.1  200 OK",
                           "HTTP/1.1 2x0 OK", "HTTP/1.1 200 a\x01"}) {
    EXPECT_EQ(fault_of(std::string(line) + "\r\n\r\n"), HeadFault::bad_status_line) << line;
  }
  EXPECT_EQ(fault_of("HTTP/2.0 200 OK\r\n\r\n"), HeadFault::unsupported_version);
  EXPECT_EQ(fault_of("ICY 200 OK\r\n\r\n"), HeadFault::bad_version);
  EXPECT_EQ(fault_of("<html>\r\n"), HeadFault::bad_version);
}

TEST(ResponseHead, ForgivesServersThatNameFramingInConnection) {
  EXPECT_TRUE(parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: Transfer-Encoding\r\n\r\n"));
}

}  // namespace
}  // namespace sallyport::wire
