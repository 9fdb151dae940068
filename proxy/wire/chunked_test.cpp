#include "proxy/wire/chunked.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace sallyport::wire {
namespace {

// What came out of a body that was cut at `cut`: data, then how it ended.
std::string decode(std::string_view body, std::size_t cut = std::string_view::npos, ChunkLimits limits = {}) {
  ChunkedDecoder decoder(limits);
  std::string data;
  for (std::string_view part : {body.substr(0, cut), cut < body.size() ? body.substr(cut) : std::string_view()}) {
    while (!part.empty()) {
      const auto step = decoder.feed({reinterpret_cast<const std::uint8_t*>(part.data()), part.size()});
      if (!step) return data + "!" + std::string(sentence(step.error()));
      data.append(step->data.begin(), step->data.end());
      if (step->done) return data + "." + std::string(part.substr(step->consumed));
      part.remove_prefix(step->consumed);
    }
  }
  return data + "…";
}

std::string failing(ChunkFault fault) {
  return "!" + std::string(sentence(fault));
}

struct Row {
  std::string_view body;
  ChunkFault fault;
};

const std::vector<Row> bad_bodies{
    {"0x1\r\na\r\n", ChunkFault::bad_size},
    {"+1\r\na\r\n", ChunkFault::bad_size},
    {"-0\r\n\r\n", ChunkFault::bad_size},
    {" 1\r\na\r\n", ChunkFault::bad_size},
    {"1 \r\na\r\n", ChunkFault::bad_size},
    {"1zz\r\na\r\n", ChunkFault::bad_size},
    {"\r\n", ChunkFault::bad_size},
    {";x\r\n", ChunkFault::bad_size},
    {"00000000000000001\r\na\r\n", ChunkFault::bad_size},
    {"8000000000000000\r\n", ChunkFault::bad_size},
    {"ffffffffffffffff\r\n", ChunkFault::bad_size},
    {"1;a=\rb\r\n", ChunkFault::bad_line_end},
    {"1;a=\x01\r\n", ChunkFault::bad_extension},
    {"1;a\n", ChunkFault::bad_line_end},
    {"1\na\n", ChunkFault::bad_line_end},
    {"1\ra", ChunkFault::bad_line_end},
    {"0\r\nA : b\r\n\r\n", ChunkFault::bad_trailer},
    {"0\r\n folded\r\n\r\n", ChunkFault::bad_trailer},
    {"0\r\nA: b\n\n", ChunkFault::bad_line_end},
};

TEST(ChunkedDecoder, ReadsChunksAndTheEnd) {
  EXPECT_EQ(decode("3\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\nNEXT"), "abc0123456789.NEXT");
  EXPECT_EQ(decode("0\r\n\r\n"), ".");
  EXPECT_EQ(decode("1;name=\"va lue\"\r\na\r\n000\r\n\r\n"), "a.");
  EXPECT_EQ(decode("5\r\nab"), "ab…");
}

TEST(ChunkedDecoder, H_09_RefusesEveryOtherSpelling) {
  for (const Row& row : bad_bodies) EXPECT_EQ(decode(row.body), failing(row.fault)) << row.body;
}

TEST(ChunkedDecoder, H_09_RefusesWhatFollowsAChunkButCrLf) {
  EXPECT_EQ(decode("1\r\nab\r\n"), "a" + failing(ChunkFault::bad_line_end));
  EXPECT_EQ(decode("1\r\na\n0\r\n\r\n"), "a" + failing(ChunkFault::bad_line_end));
  EXPECT_EQ(decode("1\r\na\r\n\r\n0\r\n\r\n"), "a" + failing(ChunkFault::bad_size));
}

TEST(ChunkedDecoder, H_09_AnswersTheSameHoweverTheInputIsCut) {
  std::vector<std::string_view> bodies{"3\r\nabc\r\n1;x=y\r\nd\r\n0\r\nA: b\r\nC: d\r\n\r\n"};
  for (const Row& row : bad_bodies) bodies.push_back(row.body);
  for (const std::string_view body : bodies) {
    for (std::size_t cut = 0; cut <= body.size(); ++cut) EXPECT_EQ(decode(body, cut), decode(body)) << body << cut;
  }
}

TEST(ChunkedDecoder, H_09_StaysFailed) {
  ChunkedDecoder decoder;
  const std::vector<std::uint8_t> bad{'z'};
  const std::vector<std::uint8_t> good{'0', '\r', '\n', '\r', '\n'};
  EXPECT_TRUE(decoder.feed(bad).has_error());
  EXPECT_TRUE(decoder.feed(good).has_error());
  EXPECT_FALSE(decoder.done());
}

TEST(ChunkedDecoder, H_23_KeepsHarmlessTrailers) {
  ChunkedDecoder decoder;
  const std::string body = "0\r\nServer-Timing: a\r\nGrpc-Status:  0 \r\n\r\n";
  const auto step = decoder.feed({reinterpret_cast<const std::uint8_t*>(body.data()), body.size()});
  ASSERT_TRUE(step);
  EXPECT_TRUE(step->done);
  EXPECT_EQ(decoder.trailers(), (Fields{{"Server-Timing", "a"}, {"Grpc-Status", "0"}}));
}

TEST(ChunkedDecoder, H_23_RefusesTrailersThatWouldChangeTheMessage) {
  for (const char* name : {"Host", "content-length", "Transfer-Encoding", "Authorization", "Cookie", "Set-Cookie",
                           "Proxy-Authorization", "X-Forwarded-For", "Connection", "Content-Type"}) {
    EXPECT_EQ(decode("0\r\n" + std::string(name) + ": x\r\n\r\n"), failing(ChunkFault::forbidden_trailer)) << name;
  }
}

TEST(ChunkedDecoder, H_24_BoundsExtensionsOverTheWholeBody) {
  std::string body;
  for (int i = 0; i < 10; ++i) body += "1;123456789\r\na\r\n";
  body += "0\r\n\r\n";
  EXPECT_EQ(decode(body, std::string::npos, {.extension_bytes = 100}), "aaaaaaaaaa.");
  EXPECT_EQ(decode(body, std::string::npos, {.extension_bytes = 99}), "aaaaaaaaa" + failing(ChunkFault::too_large));
}

TEST(ChunkedDecoder, H_24_BoundsTrailers) {
  std::string body = "0\r\n";
  for (int i = 0; i < 65; ++i) body += "A: b\r\n";
  EXPECT_EQ(decode(body + "\r\n"), failing(ChunkFault::too_large));
  EXPECT_EQ(decode("0\r\nA: " + std::string(17'000, 'x')), failing(ChunkFault::too_large));
}

TEST(Chunked, IsWrittenAsItIsRead) {
  EXPECT_EQ(chunk_header(26), "1a\r\n");
  EXPECT_EQ(last_chunk(), "0\r\n\r\n");
  EXPECT_EQ(last_chunk({{"A", "b"}}), "0\r\nA: b\r\n\r\n");
  EXPECT_EQ(decode(chunk_header(3) + "abc" + std::string(chunk_end) + last_chunk()), "abc.");
}

}  // namespace
}  // namespace sallyport::wire
