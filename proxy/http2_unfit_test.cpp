#include "proxy/http2_unfit.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

TlsFacts client(std::string ja4, std::vector<std::string> alpn = {"h2", "http/1.1"}) {
  TlsFacts facts;
  facts.ja4 = std::move(ja4);
  facts.alpn = std::move(alpn);
  return facts;
}

TEST(Http2Unfit, IsDebian12sLibcurlGnutls) {
  EXPECT_TRUE(uploads_badly_over_http2(client("t13d2912h2_723694b0fccc_288f874c93d6")));
  EXPECT_TRUE(uploads_badly_over_http2(client("t13i2911h2_723694b0fccc_288f874c93d6")));
}

TEST(Http2Unfit, IsNobodyElse) {
  EXPECT_FALSE(uploads_badly_over_http2(client("t13d3112h2_e8f1e7e78f70_b26ce05bbdd6")));
  EXPECT_FALSE(uploads_badly_over_http2(client("t13d291200_723694b0fccc_899037bd0b8c")));
  EXPECT_FALSE(uploads_badly_over_http2(client("")));
}

TEST(Http2Unfit, IsNoClientThatHasNothingElse) {
  EXPECT_FALSE(uploads_badly_over_http2(client("t13d2912h2_723694b0fccc_288f874c93d6", {"h2"})));
}

}  // namespace
}  // namespace sallyport
