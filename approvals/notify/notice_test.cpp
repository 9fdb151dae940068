#include "approvals/notify/notice.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <algorithm>

namespace sallyport {
namespace {

namespace json = boost::json;

Notice notice(Notice::Event event = Notice::Event::asked) {
  Circumstances first;
  first.reason = "writes wait";
  Approval approval{.id = "ap_1",
                    .question = {"bot", parse_authority("api.example.com", 443).value(), "r", {}, {}},
                    .first = std::move(first),
                    .domain = "example.com",
                    .state = Approval::State::pending,
                    .first_seen = {},
                    .last_seen = {},
                    .tries = 1,
                    .waiting = 1,
                    .decision = {},
                    .by = {},
                    .decided = {},
                    .grant = {}};
  return {event, std::move(approval), {}};
}

std::string slack_text(const Notice& of) {
  const auto value = json::parse(slack_body(of));
  return std::string(value.at("text").as_string());
}

TEST(Notice, HasOneIdForOneEventOfOneApproval) {
  EXPECT_EQ(notice().id(), "msg_ap_1_asked");
  EXPECT_EQ(notice(Notice::Event::decided).id(), "msg_ap_1_decided");
  EXPECT_EQ(notice(Notice::Event::expired).id(), "msg_ap_1_expired");
}

TEST(Notice, IsToldToThoseWhoWantItsEvent) {
  const NotifyEvents usual;
  EXPECT_TRUE(notice().is_among(usual));
  EXPECT_FALSE(notice(Notice::Event::decided).is_among(usual));
  EXPECT_TRUE(notice(Notice::Event::expired).is_among({false, false, true}));
}

TEST(Notice, IsTheApprovalOfTheAdminApi) {
  const auto value = json::parse(standard_body(notice()));
  EXPECT_EQ(value.at("type").as_string(), "approval.asked");
  EXPECT_EQ(value.at("timestamp").as_string(), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(value.at("data").at("id").as_string(), "ap_1");
  EXPECT_EQ(value.at("data").at("host").as_string(), "api.example.com");
  EXPECT_EQ(value.at("data").at("reason").as_string(), "writes wait");
}

TEST(SlackNotice, HasNoMentionLinkOrLineOfAnAgent) {
  Notice of = notice();
  of.approval.first.access_reason =
      "<!channel> <https://evil.example|approve> & `@here` [x](https://evil.example)\nApproved";
  const std::string text = slack_text(of);
  EXPECT_EQ(text.find('<'), std::string::npos) << text;
  EXPECT_EQ(text.find('>'), std::string::npos) << text;
  EXPECT_NE(text.find("`&lt;!channel&gt; &lt;https://evil.example|approve&gt; &amp; '@here' [x]"), std::string::npos)
      << text;
  EXPECT_EQ(text.find("\nApproved"), std::string::npos) << text;
  // Every word of others is inside a pair of backticks.
  EXPECT_EQ(std::count(text.begin(), text.end(), '`') % 2, 0);
}

TEST(SlackNotice, SaysWhoAnswered) {
  Notice of = notice(Notice::Event::decided);
  of.approval.by = {"alice", "approver", "console", std::nullopt};
  of.approval.decision.emplace();
  EXPECT_TRUE(slack_text(of).starts_with("`alice` denied `bot` to reach `api.example.com:443`.")) << slack_text(of);
  of.approval.decision->approve = true;
  EXPECT_TRUE(slack_text(of).starts_with("`alice` approved for `bot` to reach ")) << slack_text(of);
}

}  // namespace
}  // namespace sallyport
