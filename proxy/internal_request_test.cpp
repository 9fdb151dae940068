#include "proxy/internal_request.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

using std::chrono::seconds;

TEST(InternalRequest, AsksForAUrlOrAnAuthority) {
  const auto url = read_access_request(R"({"to":"https://Example.com/a","method":"POST","reason":"to push"})");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->to.text(), "example.com:443");
  EXPECT_EQ(url->spoken, Spoken::tls);
  EXPECT_FALSE(url->method);  // not seen without inspection
  EXPECT_EQ(url->reason, "to push");
  const auto plain = read_access_request(R"({"to":"http://example.com/a?b","method":"POST"})");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->method, "POST");
  EXPECT_EQ(plain->path, "/a");
  EXPECT_EQ(read_access_request(R"({"to":"example.com:22"})")->spoken, Spoken::ssh);
  EXPECT_EQ(read_access_request(R"({"to":"example.com:80"})")->method, "GET");
  EXPECT_EQ(read_access_request(R"({"to":"example.com"})")->to.port, 443);
  EXPECT_EQ(read_access_request(R"({"to":"[2606:4700::1]:5432"})")->spoken, Spoken::other);
}

TEST(InternalRequest, A_08_RefusesWhatIsNoDestination) {
  for (const char* body :
       {"", "[]", "{}", R"({"to":7})", R"({"to":"https://0x7f.1/"})", R"({"to":"ftp://a.test/"})",
        R"({"to":"a.test:0"})", R"({"to":"a.test b"})", R"({"to":"a.test","extra":1})", "{\"to\":\"a.test\\u0000\"}",
        "{\"to\":\"a.test\",\"reason\":\"\\u001b[2J\"}", "{\"to\":\"a.test\",\"reason\":\"\\u0085\"}",
        "{\"to\":\"a.test\",\"reason\":\"\xff\"}", R"({"to":"a.test","method":"GET /"})"}) {
    EXPECT_FALSE(read_access_request(body)) << body;
  }
}

TEST(InternalRequest, A_17_BoundsTheAgentsWords) {
  EXPECT_TRUE(read_access_request(R"({"to":"a.test","reason":")" + std::string(500, 'x') + "\"}"));
  EXPECT_FALSE(read_access_request(R"({"to":"a.test","reason":")" + std::string(501, 'x') + "\"}"));
  EXPECT_TRUE(read_context(R"({"tool":")" + std::string(200, 'x') + "\"}"));
  EXPECT_FALSE(read_context(R"({"tool":")" + std::string(201, 'x') + "\"}"));
  EXPECT_FALSE(read_context("{\"tool\":\"\\n\"}"));
  EXPECT_FALSE(read_context(R"({"agent":"another"})"));
}

TEST(InternalRequest, ReadsAContext) {
  const auto context = read_context(R"({"session":"s1","tool_call":"c1","tool":"bash","reason":"tests","traceparent":)"
                                    R"("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"})");
  ASSERT_TRUE(context);
  EXPECT_EQ(context->tool_call, "c1");
  EXPECT_EQ(context->reason, "tests");
  EXPECT_TRUE(read_context("{}"));
  EXPECT_FALSE(read_context(R"({"traceparent":"mine"})"));
}

TEST(InternalRequest, WaitsAMinuteAtMost) {
  EXPECT_EQ(read_wait(std::nullopt).value().count(), 0);
  EXPECT_EQ(read_wait("wait=30s").value(), seconds(30));
  EXPECT_EQ(read_wait("wait=30").value(), seconds(30));
  EXPECT_EQ(read_wait("wait=250ms").value().count(), 250);
  EXPECT_EQ(read_wait("wait=999999999m").value(), seconds(60));
  for (const char* query : {"wait=", "wait=-1", "wait=1h", "wait=1s&x=2", "w", "wait=9999999999"}) {
    EXPECT_FALSE(read_wait(query)) << query;
  }
}

}  // namespace
}  // namespace sallyport
