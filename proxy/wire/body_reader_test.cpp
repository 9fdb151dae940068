#include "proxy/wire/body_reader.hpp"

#include <gtest/gtest.h>

namespace sallyport::wire {
namespace {

struct Read {
  std::string data;
  std::size_t used = 0;
  bool done = false;
};

// Feeds `text` in pieces of `step` bytes.
Read read(Framing framing, std::string_view text, std::size_t step) {
  BodyReader reader(framing);
  Read read;
  while (read.used < text.size() && !reader.done()) {
    const std::string_view piece = text.substr(read.used, step);
    const auto got = reader.feed({reinterpret_cast<const std::uint8_t*>(piece.data()), piece.size()});
    if (!got) return {"fault", 0, false};
    read.data.append(reinterpret_cast<const char*>(got->data.data()), got->data.size());
    read.used += got->consumed;
  }
  read.done = reader.done();
  return read;
}

TEST(BodyReader, TakesNoByteBeyondTheBody) {
  for (const std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{100}}) {
    const Read length = read({Framing::Kind::length, 5}, "helloNEXT", step);
    EXPECT_EQ(length.data, "hello");
    EXPECT_EQ(length.used, 5u);
    const Read chunked = read({Framing::Kind::chunked, 0}, "5\r\nhello\r\n0\r\nx: y\r\n\r\nNEXT", step);
    EXPECT_EQ(chunked.data, "hello");
    EXPECT_EQ(chunked.used, 21u);
    EXPECT_TRUE(chunked.done);
  }
}

TEST(BodyReader, NoBodyIsDoneAtOnce) {
  EXPECT_TRUE(BodyReader({Framing::Kind::none, 0}).done());
  EXPECT_TRUE(BodyReader({Framing::Kind::length, 0}).done());
}

TEST(BodyReader, OnlyABodyUntilCloseEndsWithItsSource) {
  EXPECT_TRUE(BodyReader({Framing::Kind::until_close, 0}).end_of_source());
  EXPECT_FALSE(BodyReader({Framing::Kind::length, 1}).end_of_source());
  EXPECT_FALSE(BodyReader({Framing::Kind::chunked, 0}).end_of_source());
}

TEST(BodyReader, ChunksThatAreNoneAreAFault) {
  EXPECT_EQ(read({Framing::Kind::chunked, 0}, "zz\r\n", 4).data, "fault");
}

TEST(BodyReader, ReadsWhatWasFramed) {
  for (const Framing framing : {Framing{Framing::Kind::length, 9}, Framing{Framing::Kind::chunked, 0}}) {
    std::string framed;
    for (const std::string_view piece : {"some", "", " body"}) {
      frame_data(framed, {reinterpret_cast<const std::uint8_t*>(piece.data()), piece.size()}, framing);
    }
    frame_end(framed, {{"x-sum", "1"}}, framing);
    const Read back = read(framing, framed, 2);
    EXPECT_EQ(back.data, "some body");
    EXPECT_TRUE(back.done);
    EXPECT_EQ(back.used, framed.size());
  }
}

}  // namespace
}  // namespace sallyport::wire
