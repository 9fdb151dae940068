#include "proxy/internal_answer.hpp"

#include "proxy/internal_name.hpp"
#include "proxy/internal_pages.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

TEST(InternalAnswer, KeepsTheBodyFromHead) {
  const auto answer = internal_text("hello");
  const auto whole = http_message(answer, "GET", AfterAnswer::keep_open);
  const auto head = http_message(answer, "HEAD", AfterAnswer::keep_open);
  EXPECT_EQ(whole, head + "hello");
  EXPECT_NE(head.find("Content-Length: 5\r\n"), std::string::npos);
}

TEST(InternalAnswer, A_09_InvitesNoOtherSite) {
  const auto bytes = http_message(no_such_page(), "GET", AfterAnswer::close);
  EXPECT_EQ(bytes.find("Access-Control"), std::string::npos);
  EXPECT_NE(bytes.find("Connection: close\r\n"), std::string::npos);
  EXPECT_NE(bytes.find("application/problem+json"), std::string::npos);
}

TEST(InternalName, IsOneNameOnOnePort) {
  const auto is_site = [](std::string_view text) { return is_internal_site(*parse_authority(text, 80)); };
  EXPECT_TRUE(is_site("sallyport.internal"));
  EXPECT_TRUE(is_site("SALLYPORT.internal.:80"));
  EXPECT_FALSE(is_site("sallyport.internal:443"));
  EXPECT_FALSE(is_site("host.sallyport.internal"));
  EXPECT_FALSE(is_site("sallyport.internal.test"));
}

TEST(InternalPages, FrontPageSaysWhoOneIs) {
  EXPECT_NE(front_page("bot", Wants::text, Certificates::none).body.find("the agent \"bot\""), std::string::npos);
  EXPECT_NE(front_page("bot", Wants::json, Certificates::none).body.find(R"("agent":"bot")"), std::string::npos);
}

}  // namespace
}  // namespace sallyport
