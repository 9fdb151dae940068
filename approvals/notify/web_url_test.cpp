#include "approvals/notify/web_url.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

TEST(WebUrl, IsReadIntoItsParts) {
  const auto url = parse_web_url("https://Hooks.Example.com/T0/B0?team=a");
  ASSERT_TRUE(url.has_value()) << url.error().text;
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->at.text(), "hooks.example.com:443");
  EXPECT_EQ(url->target, "/T0/B0?team=a");
  EXPECT_EQ(url->authority(), "hooks.example.com");
  EXPECT_EQ(parse_web_url("https://hooks.example.com:8443")->authority(), "hooks.example.com:8443");
  EXPECT_EQ(parse_web_url("https://[2001:db8::1]?x")->authority(), "[2001:db8::1]");
  EXPECT_EQ(parse_web_url("https://[2001:db8::1]?x")->target, "/?x");
}

TEST(WebUrl, ShowsNoneOfItsPath) {
  EXPECT_EQ(parse_web_url("https://hooks.example.com/s3cret?k=s3cret")->origin(), "https://hooks.example.com");
}

TEST(WebUrl, GoesWithoutTlsToThisMachineOnly) {
  for (const char* text : {"http://localhost:8080/", "http://127.0.0.1/", "http://127.1.2.3:1", "http://[::1]:80/x"}) {
    const auto url = parse_web_url(text);
    ASSERT_TRUE(url.has_value()) << text;
    EXPECT_FALSE(url->tls);
  }
  for (const char* text : {"http://hooks.example.com/", "http://10.0.0.1/", "http://localhost.example.com/",
                           "http://[::ffff:10.0.0.1]/", "http://0.0.0.0/"})
    EXPECT_FALSE(parse_web_url(text).has_value()) << text;
}

TEST(WebUrl, RefusesWhatCouldBeReadInTwoWays) {
  for (const char* text : {"", "hooks.example.com", "ftp://hooks.example.com/", "https://", "https:///path",
                           "https://user:pass@hooks.example.com/", "https://hooks.example.com/a b",
                           "https://hooks.example.com/a\r\nX-Y: z", "https://hooks.example.com/#a",
                           "https://hooks.example.com:0/", "https://hooks.example.com:99999/", "https://0x7f.1/"})
    EXPECT_FALSE(parse_web_url(text).has_value()) << text;
}

}  // namespace
}  // namespace sallyport
