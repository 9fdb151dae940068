#include "proxy/wire/http_head.hpp"

#include <gtest/gtest.h>

namespace sallyport::wire {
namespace {

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

auto parse(std::string_view text, const HeadLimits& limits = {}) {
  return parse_request_head(bytes_of(text), limits);
}

HeadFault fault_of(std::string_view text, const HeadLimits& limits = {}) {
  const auto head = parse(text, limits);
  EXPECT_TRUE(head.has_error()) << text;
  return head ? HeadFault::need_more : head.error();
}

// A request with these field lines, each with its own line end.
std::string with(std::string_view lines) {
  return "POST /x HTTP/1.1\r\nHost: a.test\r\n" + std::string(lines) + "\r\n";
}

RequestHead head_of(std::string_view text) {
  auto head = parse(text);
  EXPECT_TRUE(head.has_value()) << text << (head ? "" : sentence(head.error()));
  return head ? std::move(head->value) : RequestHead{};
}

struct Row {
  std::string_view text;
  HeadFault fault;
};

const std::vector<Row> bad_framing{
    {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", HeadFault::length_and_encoding},
    {"Transfer-Encoding: chunked\r\ncontent-length: 0\r\n", HeadFault::length_and_encoding},
    {"Content-Length: 5\r\nContent-Length: 5\r\n", HeadFault::duplicate_length},
    {"Content-Length: 5\r\nContent-Length: 6\r\n", HeadFault::duplicate_length},
    {"Content-Length: 5, 5\r\n", HeadFault::bad_length},
    {"Content-Length:\r\n", HeadFault::bad_length},
    {"Content-Length: +5\r\n", HeadFault::bad_length},
    {"Content-Length: -1\r\n", HeadFault::bad_length},
    {"Content-Length: 0x10\r\n", HeadFault::bad_length},
    {"Content-Length: 010\r\n", HeadFault::bad_length},
    {"Content-Length: 1_0\r\n", HeadFault::bad_length},
    {"Content-Length: 5z\r\n", HeadFault::bad_length},
    {"Content-Length: 5 5\r\n", HeadFault::bad_length},
    {"Content-Length: \t5\r\n", HeadFault::bad_length},
    {"Content-Length: 9223372036854775808\r\n", HeadFault::bad_length},
    {"Content-Length: 18446744073709551616\r\n", HeadFault::bad_length},
    {"Transfer-Encoding: chunked,\r\n", HeadFault::bad_transfer_encoding},
    {"Transfer-Encoding: ,chunked\r\n", HeadFault::bad_transfer_encoding},
    {"Transfer-Encoding: chunked, gzip\r\n", HeadFault::bad_transfer_encoding},
    {"Transfer-Encoding: gzip, chunked\r\n", HeadFault::bad_transfer_encoding},
    {"Transfer-Encoding: chunked\t\r\n", HeadFault::bad_transfer_encoding},
    {"Transfer-Encoding: identity\r\n", HeadFault::bad_transfer_encoding},
    {"Transfer-Encoding:\r\n", HeadFault::bad_transfer_encoding},
    {"Transfer-Encoding: \xa0"
     "chunked\r\n",
     HeadFault::bad_transfer_encoding},
    {"Transfer-Encoding: \x0b"
     "chunked\r\n",
     HeadFault::bad_field},
    {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", HeadFault::bad_transfer_encoding},
};

const std::vector<Row> bad_fields{
    {"Content-Length : 5\r\n", HeadFault::bad_field},
    {"\tHost: a.test\r\n", HeadFault::bad_field},
    {" X: folded\r\n", HeadFault::bad_field},
    {"X: a\r\n folded\r\n", HeadFault::bad_field},
    {"X: a\n", HeadFault::bad_line_end},
    {"X: a\rb\r\n", HeadFault::bad_line_end},
    {"X: a\r\r\n", HeadFault::bad_line_end},
    {"\r\rX", HeadFault::bad_line_end},
    {std::string_view("X: a\0b\r\n", 8), HeadFault::bad_field},
    {"X: a\x01\r\n", HeadFault::bad_field},
    {"X: a\x7f\r\n", HeadFault::bad_field},
    {": x\r\n", HeadFault::bad_field},
    {"A B: x\r\n", HeadFault::bad_field},
    {"Na\xc3\xafve: x\r\n", HeadFault::bad_field},
    {"no colon\r\n", HeadFault::bad_field},
    {"Host: a.test\r\n", HeadFault::duplicate_host},
    {"Connection: Host\r\n", HeadFault::bad_connection},
    {"Connection: close, Content-Length\r\n", HeadFault::bad_connection},
    {"Connection: transfer-encoding\r\n", HeadFault::bad_connection},
    {"Connection: authorization\r\n", HeadFault::bad_connection},
    {"Connection: a b\r\n", HeadFault::bad_connection},
    {"Expect: 200-ok\r\n", HeadFault::bad_expect},
    {"Expect: 100-continue\r\nExpect: 100-continue\r\n", HeadFault::bad_expect},
    {"Upgrade: web socket\r\n", HeadFault::bad_upgrade},
};

struct Line {
  std::string_view line;
  HeadFault fault;
};

const std::vector<Line> bad_lines{
    {"GET /", HeadFault::http_09},
    {"GET", HeadFault::bad_request_line},
    {"", HeadFault::bad_request_line},
    {"GET  / HTTP/1.1", HeadFault::bad_request_line},
    {"GET / HTTP/1.1 ", HeadFault::bad_version},
    {"GET / x HTTP/1.1", HeadFault::bad_version},
    {"GET / HTTP/1.10", HeadFault::bad_version},
    {"GET / http/1.1", HeadFault::bad_version},
    {"GET / HTTP/11", HeadFault::bad_version},
    {"GET / HTTP/2.0", HeadFault::unsupported_version},
    {"GET / HTTP/1.2", HeadFault::unsupported_version},
    {"get / HTTP/1.1", HeadFault::bad_method},
    {"G@T / HTTP/1.1", HeadFault::bad_method},
    {" GET / HTTP/1.1", HeadFault::bad_method},
    {"GET\t/ HTTP/1.1", HeadFault::bad_method},
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1", HeadFault::bad_method},
    {"PRI * HTTP/2.0", HeadFault::unsupported_version},
    {"GET /a#b HTTP/1.1", HeadFault::bad_target},
    {"GET /\x01 HTTP/1.1", HeadFault::bad_target},
    {"GET /\xc3\xa9 HTTP/1.1", HeadFault::bad_target},
    {"GET a.test HTTP/1.1", HeadFault::bad_target},
    {"GET * HTTP/1.1", HeadFault::bad_target},
    {"GET http:///x HTTP/1.1", HeadFault::bad_host},
    {"GET http:a.test HTTP/1.1", HeadFault::bad_target},
    {"GET http://u:p@a.test/ HTTP/1.1", HeadFault::bad_host},
    {"GET http://a.test\\b/ HTTP/1.1", HeadFault::bad_host},
    {"GET ftp://a.test/ HTTP/1.1", HeadFault::bad_scheme},
    {"GET file:///etc/passwd HTTP/1.1", HeadFault::bad_scheme},
    {"GET urn:a HTTP/1.1", HeadFault::bad_scheme},
    {"CONNECT a.test HTTP/1.1", HeadFault::bad_target},
    {"CONNECT / HTTP/1.1", HeadFault::bad_target},
    {"CONNECT http://a.test:1/ HTTP/1.1", HeadFault::bad_target},
};

TEST(RequestHead, IsReadWhole) {
  const std::string text = with("X-A:  b c \r\nContent-Length: 12\r\n");
  const auto head = parse(text + "BODY");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->consumed, text.size());
  EXPECT_EQ(head->value.method, "POST");
  EXPECT_EQ(head->value.raw_target, "/x");
  EXPECT_EQ(head->value.host.host, "a.test");
  EXPECT_EQ(head->value.fields[1], (Field{"X-A", "b c"}));
  EXPECT_EQ(head->value.framing, (Framing{Framing::Kind::length, 12}));
  EXPECT_TRUE(head->value.keep_alive);
}

TEST(RequestHead, H_01_to_H_04_RefusesFramingOfTwoReadings) {
  for (const Row& row : bad_framing) EXPECT_EQ(fault_of(with(row.text)), row.fault) << row.text;
  EXPECT_EQ(http_status(HeadFault::length_and_encoding), 400u);
}

TEST(RequestHead, H_04_TakesChunkedInAnyCase) {
  EXPECT_EQ(head_of(with("Transfer-Encoding: Chunked\r\n")).framing.kind, Framing::Kind::chunked);
}

TEST(RequestHead, H_05_to_H_08_RefusesFieldsOfTwoReadings) {
  for (const Row& row : bad_fields) EXPECT_EQ(fault_of(with(row.text)), row.fault) << row.text;
}

TEST(RequestHead, H_06_RefusesBareLineFeedsBeforeTheHeadEnds) {
  EXPECT_EQ(fault_of("GET / HTTP/1.1\n"), HeadFault::bad_line_end);
  EXPECT_EQ(fault_of("GET / HTTP/1.1\r\nHost: a.test\n\n"), HeadFault::bad_line_end);
}

TEST(RequestHead, H_07_RefusesNulInHost) {
  EXPECT_EQ(fault_of(std::string_view("GET / HTTP/1.1\r\nHost: a\0.test\r\n\r\n", 35)), HeadFault::bad_field);
}

TEST(RequestHead, H_10_RefusesWhatIsLargerThanTheLimit) {
  const std::string long_name = with(std::string(70'000, 'n') + ": x\r\n");
  EXPECT_EQ(fault_of(long_name), HeadFault::too_large);
  EXPECT_EQ(http_status(HeadFault::too_large), 431u);
  const std::string fits = with("X: " + std::string(60'000, 'v') + "\r\n");
  EXPECT_TRUE(parse(fits));
  EXPECT_TRUE(parse(fits, {.bytes = fits.size()}));
  EXPECT_EQ(fault_of(fits, {.bytes = fits.size() - 1}), HeadFault::too_large);
}

TEST(RequestHead, H_24_RefusesMoreFieldsThanTheLimit) {
  std::string lines;
  for (int i = 0; i < 127; ++i) lines += "A: b\r\n";
  EXPECT_TRUE(parse(with(lines)));
  EXPECT_EQ(fault_of(with(lines + "A: b\r\n")), HeadFault::too_many_fields);
}

TEST(RequestHead, H_13_RefusesAHostThatIsNotTheTargets) {
  EXPECT_EQ(fault_of("GET http://evil.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n"), HeadFault::host_mismatch);
  EXPECT_EQ(fault_of("GET http://a.test/ HTTP/1.1\r\nHost: a.test:8080\r\n\r\n"), HeadFault::host_mismatch);
  EXPECT_EQ(fault_of("CONNECT a.test:443 HTTP/1.1\r\nHost: b.test:443\r\n\r\n"), HeadFault::host_mismatch);
  EXPECT_EQ(head_of("GET http://A.test:80/ HTTP/1.1\r\nHost: a.test\r\n\r\n").host.host, "A.test");
  EXPECT_EQ(head_of("CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n").host.port, 443);
}

TEST(RequestHead, H_14_WantsExactlyOneHost) {
  EXPECT_EQ(fault_of("GET / HTTP/1.1\r\n\r\n"), HeadFault::missing_host);
  EXPECT_EQ(fault_of("GET / HTTP/1.0\r\n\r\n"), HeadFault::missing_host);
  EXPECT_EQ(fault_of("GET http://a.test/ HTTP/1.1\r\n\r\n"), HeadFault::missing_host);
  EXPECT_EQ(head_of("CONNECT a.test:443 HTTP/1.0\r\n\r\n").host.host, "a.test");
  for (const char* host :
       {"", "a.test/x", "u@a.test", "a.test, b.test", "a.test:", "a.test:0", "a.test:080", "a.test:65536", "a.test:x",
        "a test", "[::1", "[::1]x", "[fe80::1%25eth0]", "a%2etest", "a.test?x", "*.test", "[]", "::1"}) {
    EXPECT_EQ(fault_of("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n"), HeadFault::bad_host) << host;
  }
}

TEST(RequestHead, H_16_RefusesOtherRequestLines) {
  for (const Line& row : bad_lines) {
    EXPECT_EQ(fault_of(std::string(row.line) + "\r\nHost: a.test\r\n\r\n"), row.fault) << row.line;
  }
  EXPECT_EQ(http_status(HeadFault::unsupported_version), 505u);
}

TEST(RequestHead, H_16_RefusesHttp09WithoutWaitingForMore) {
  EXPECT_EQ(fault_of("GET /\r\n"), HeadFault::http_09);
}

TEST(RequestHead, H_16_RefusesTransferEncodingOn10) {
  EXPECT_EQ(fault_of("POST / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"),
            HeadFault::encoding_on_1_0);
}

TEST(RequestHead, C_03_RefusesABodyOnConnect) {
  const std::string head = "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n";
  EXPECT_EQ(fault_of(head + "Content-Length: 5\r\n\r\n"), HeadFault::body_not_allowed);
  EXPECT_EQ(fault_of(head + "Transfer-Encoding: chunked\r\n\r\n"), HeadFault::body_not_allowed);
}

TEST(RequestHead, SplitsEveryFormOfTarget) {
  EXPECT_EQ(head_of("GET /a/b?c=d?e HTTP/1.1\r\nHost: a.test\r\n\r\n").target.query, "c=d?e");
  const auto absolute = head_of("GET HTTP://a.test?q HTTP/1.1\r\nHost: a.test\r\n\r\n").target;
  EXPECT_EQ(absolute.form, TargetForm::absolute);
  EXPECT_EQ(absolute.scheme, "http");
  EXPECT_EQ(absolute.path_and_query(), "/?q");
  const auto six = head_of("CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n").target;
  EXPECT_EQ(six.authority->host, "2001:db8::1");
  EXPECT_EQ(six.authority->text(), "[2001:db8::1]:443");
  EXPECT_EQ(head_of("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n").target.form, TargetForm::asterisk);
  EXPECT_EQ(head_of("OPTIONS http://a.test HTTP/1.1\r\nHost: a.test\r\n\r\n").target.path, "*");
}

TEST(RequestHead, KnowsWhetherAnotherRequestFollows) {
  EXPECT_FALSE(head_of(with("Connection: Close\r\n")).keep_alive);
  EXPECT_FALSE(head_of("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n").keep_alive);
  EXPECT_TRUE(head_of("GET / HTTP/1.0\r\nHost: a.test\r\nConnection: Keep-Alive\r\n\r\n").keep_alive);
}

TEST(RequestHead, C_08_OffersAnUpgradeOnlyWhereConnectionNamesIt) {
  EXPECT_EQ(head_of(with("Connection: Upgrade\r\nUpgrade: WebSocket, h2c\r\n")).upgrade,
            (std::vector<std::string>{"websocket", "h2c"}));
  EXPECT_TRUE(head_of(with("Upgrade: websocket\r\n")).upgrade.empty());
}

TEST(RequestHead, H_17_KnowsAClientThatWaitsFor100) {
  EXPECT_TRUE(head_of(with("Expect: 100-Continue\r\n")).expect_continue);
}

std::string answer(std::string_view text) {
  const auto head = parse(text, {.bytes = 512});
  return head ? std::to_string(head->consumed) + head->value.method + head->value.raw_target
              : std::string(sentence(head.error()));
}

TEST(RequestHead, AnswersTheSameForEveryPrefix) {
  std::vector<std::string> texts{with("A: b\r\n") + "BODY", "CONNECT a.test:1 HTTP/1.0\r\n\r\n\x16\x03",
                                 with(std::string(600, 'x'))};
  for (const Row& row : bad_framing) texts.push_back(with(row.text));
  for (const Row& row : bad_fields) texts.push_back(with(row.text));
  for (const Line& row : bad_lines) texts.push_back(std::string(row.line) + "\r\nHost: a.test\r\n\r\n");
  for (const std::string& text : texts) {
    bool decided = false;
    for (std::size_t length = 0; length <= text.size(); ++length) {
      const std::string part = answer(std::string_view(text).substr(0, length));
      if (part == sentence(HeadFault::need_more) && !decided) continue;
      decided = true;
      ASSERT_EQ(part, answer(text)) << text << " after " << length;
    }
  }
}

}  // namespace
}  // namespace sallyport::wire
