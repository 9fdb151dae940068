#include "proxy/refusal.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

namespace sallyport {
namespace {

TEST(Refusal, SaysWhatWasRefusedWhyAndWhatToDo) {
  Verdict verdict;
  verdict.action = Action::ask;
  verdict.reason = "no rule names it";
  const Destination to{*HostName::parse("new.test"), 443};
  const std::string answer = http_refusal(denied(verdict), &to, "42", AfterRefusal::close, "GET");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"));
  EXPECT_NE(answer.find("Proxy-Status: sallyport; error=http_request_denied\r\n"), std::string::npos);
  EXPECT_NE(answer.find("Content-Type: application/problem+json\r\n"), std::string::npos);
  EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
  const auto body = boost::json::parse(answer.substr(answer.find("\r\n\r\n") + 4)).as_object();
  EXPECT_EQ(body.at("host").as_string(), "new.test");
  EXPECT_EQ(body.at("port").as_int64(), 443);
  EXPECT_EQ(body.at("verdict").as_string(), "ask");
  EXPECT_EQ(body.at("reason").as_string(), "no rule names it");
  EXPECT_NE(body.at("next").as_string().find("allow: new.test"), boost::json::string::npos);
}

TEST(Refusal, HasNoBodyForHead) {
  const std::string answer =
      http_refusal(denied_by(DecidedBy::guard, "no"), nullptr, "1", AfterRefusal::keep_open, "HEAD");
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
  EXPECT_EQ(answer.find("Connection: close"), std::string::npos);
}

TEST(Refusal, L_01_CannotBeBrokenByWhatItQuotes) {
  const std::string answer =
      http_refusal(malformed(400, "bad\r\nSet-Cookie: x=1\r\n"), nullptr, "1", AfterRefusal::close, "GET");
  const auto head = answer.substr(0, answer.find("\r\n\r\n"));
  EXPECT_EQ(head.find("Set-Cookie"), std::string::npos);
}

}  // namespace
}  // namespace sallyport
