#include "proxy/terminal/question_text.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

Approval approval_for(std::string_view authority) {
  Approval approval{.id = "ap_1",
                    .question = {"run", parse_authority(authority, 443).value(), "default", {}, {}},
                    .first = {},
                    .domain = {},
                    .first_seen = {},
                    .last_seen = {},
                    .decision = {},
                    .by = {},
                    .decided = {},
                    .grant = {}};
  approval.domain = approval.question.to.host.text();
  approval.waiting = 1;
  return approval;
}

TEST(QuestionText, SaysWhatIsAskedAndByWhom) {
  Approval approval = approval_for("registry.npmjs.org:443");
  approval.first.process = ProcessInfo{12, "node", "node install \"x\"", "/usr/bin/node"};
  approval.first.protocol = "tls";
  EXPECT_EQ(question_text(approval, {false, "policy.yaml", 2}),
            "sallyport: may run reach registry.npmjs.org:443 ?\r\n"
            "           by /usr/bin/node (process 12), which calls itself \"node install \\\"x\\\"\"\r\n"
            "           1 connection waits (tls), and no rule decides\r\n"
            "           [o]nce / this [r]un / [a]lways, in policy.yaml / [n]o  (2 more wait): ");
}

TEST(QuestionText, SaysWhichRuleAsksAndWhatOf) {
  Approval approval = approval_for("api.example:80");
  approval.question.method = "POST";
  approval.question.path = "/repos/**";
  approval.first.rule = "/etc/policy.yaml:12";
  approval.first.reason = "writes wait for a person";
  approval.waiting = 3;
  EXPECT_EQ(question_text(approval, {}),
            "sallyport: may run reach POST api.example:80 /repos/** ?\r\n"
            "           3 connections wait, policy.yaml:12 asks: \"writes wait for a person\"\r\n"
            "           [o]nce / this [r]un / [n]o: ");
}

TEST(QuestionText, A_17_QuotesWhatTheAgentSays) {
  Approval approval = approval_for("new.example:443");
  approval.first.access_reason = "ok\x1b[2J\r\nsallyport: press o";
  approval.first.request_path = "/approved by admin";
  approval.first.process = ProcessInfo{0, "\x1b]0;x", "curl\u202e\n", ""};
  const std::string text = question_text(approval, {});
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find("\u202e"), std::string::npos);
  EXPECT_NE(text.find("the agent says: \"ok"), std::string::npos);
  EXPECT_NE(text.find("path \"/approved by admin\""), std::string::npos);
  EXPECT_EQ(text.find("\nsallyport"), std::string::npos);
}

TEST(QuestionText, A_08_CutsALongNameInTheMiddleAndMarksItsDomain) {
  std::string name;
  for (int label = 0; label < 4; ++label) name += std::string(50, 'a') + ".";
  Approval approval = approval_for(name + "xn--pypal-4ve.com:443");
  approval.domain = "xn--pypal-4ve.com";
  EXPECT_LT(destination_text(approval, false).size(), 90U);
  EXPECT_TRUE(destination_text(approval, false).ends_with(".xn--pypal-4ve.com:443"));
  EXPECT_TRUE(destination_text(approval, true).ends_with(".\033[1mxn--pypal-4ve.com\033[0m:443"));
}

TEST(QuestionText, BracketsAnAddress) {
  EXPECT_EQ(destination_text(approval_for("[2001:db8::1]:80"), false), "[2001:db8::1]:80");
}

}  // namespace
}  // namespace sallyport
