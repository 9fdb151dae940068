#include "proxy/otlp_transport.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

TEST(OtlpEndpoint, IsABaseThatTheSignalsPathsAreAddedTo) {
  const auto plain = parse_otlp_endpoint("http://collector.corp.example:4318/");
  ASSERT_TRUE(plain) << plain.error().text;
  EXPECT_FALSE(plain->tls);
  EXPECT_EQ(plain->authority(), "collector.corp.example:4318");
  EXPECT_EQ(plain->target, "");
  const auto secure = parse_otlp_endpoint("https://[fd00::1]/otlp");
  ASSERT_TRUE(secure) << secure.error().text;
  EXPECT_TRUE(secure->tls);
  EXPECT_EQ(secure->at.port, 443);
  EXPECT_EQ(secure->target, "/otlp");
}

TEST(OtlpEndpoint, IsRefusedWhereItIsNoBase) {
  for (const char* bad : {"", "127.0.0.1:4318", "grpc://a:4317", "http://", "http://a b:1", "http://a:1/?x",
                          "http://a:1/#x", "http://u:p@a:1", "http://a:1/v1/logs", "http://a:1/\r\nX: y"})
    EXPECT_FALSE(parse_otlp_endpoint(bad)) << bad;
}

}  // namespace
}  // namespace sallyport
