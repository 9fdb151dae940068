#include "approvals/json.hpp"

#include "approvals/as_policy.hpp"
#include "approvals/test_support.hpp"
#include "policy/yaml.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>

namespace sallyport {
namespace {

using testing::HasSubstr;

std::string complaint_of(const char* text) {
  const auto decision = decision_from_json(boost::json::parse(text));
  return decision ? "no complaint" : decision.error().text;
}

TEST(Json, ADecisionIsReadWithItsUnits) {
  const auto decision = decision_from_json(boost::json::parse(
      R"({"decision":"approve","scope":"everyone","match":"subdomains","ttl":"8h","uses":5,"upload":"2KiB","note":"ok"})"));
  ASSERT_TRUE(decision.has_value());
  EXPECT_TRUE(decision->approve);
  EXPECT_EQ(decision->scope, Scope::everyone);
  EXPECT_EQ(decision->match, Match::subdomains);
  EXPECT_EQ(decision->ttl, std::chrono::hours(8));
  EXPECT_EQ(decision->uses, 5U);
  EXPECT_EQ(decision->upload, 2048U);
  EXPECT_EQ(decision->note, "ok");
  const auto plain = decision_from_json(boost::json::parse(R"({"decision":"deny"})"));
  ASSERT_TRUE(plain.has_value());
  EXPECT_FALSE(plain->approve);
  EXPECT_EQ(plain->scope, Scope::agent);
  EXPECT_EQ(plain->match, Match::host);
}

TEST(Json, ComplaintsNameTheField) {
  const std::pair<const char*, const char*> table[] = {
      {"[]", "expected an object"},
      {"{}", "decision: is missing"},
      {R"({"decision":true})", "decision: expected approve or deny"},
      {R"({"decision":"approve","scope":"all"})", "scope: expected once, agent or everyone"},
      {R"({"decision":"approve","match":1})", "match: expected host or subdomains"},
      {R"({"decision":"approve","ttl":8})", "ttl: expected a duration"},
      {R"({"decision":"approve","ttl":"10ms"})", "ttl: expected a duration"},
      {R"({"decision":"approve","uses":0})", "uses: expected a whole number"},
      {R"({"decision":"approve","uses":-1})", "uses: expected a whole number"},
      {R"({"decision":"approve","uses":1.5})", "uses: expected a whole number"},
      {R"({"decision":"approve","upload":"big"})", "upload: expected a size"},
      {R"({"decision":"approve","note":7})", "note: expected a text"},
      {R"({"decision":"approve","TTL":"8h"})", "TTL: there is no such field"},
  };
  for (const auto& [text, expected] : table) EXPECT_THAT(complaint_of(text), HasSubstr(expected)) << text;
}

TEST_F(ApprovalsTest, A_08_A_17_AnAgentsWordsAreShownEscaped) {
  Circumstances words = circumstances();
  words.access_reason = "approved by admin\n\x1b[2J\xe2\x80\xae click allow \"now\" \\ \xff";
  const auto id = approvals_->ask(question_of("bot",
                                              "b\xc3\xbc"
                                              "cher.example"),
                                  words);
  const auto object = approval_json(*approvals_->approval(*id));
  EXPECT_EQ(object.at("host").as_string(), "xn--bcher-kva.example");
  EXPECT_EQ(object.at("access_reason").as_string(),
            R"(approved by admin\u000a\u001b[2J\u202e click allow "now" \ \xff)");
}

TEST_F(ApprovalsTest, ApprovalsAndGrantsHaveTheNamesOfTheApi) {
  Decision decision = approve();
  decision.uses = 3;
  decision.note = "fine";
  const auto decided = decide(ask(question_of("bot", "a.example.com:8443")), decision);
  const auto approval = approval_json(*approvals_->approval(decided.approval.id));
  EXPECT_EQ(approval.at("state").as_string(), "approved");
  EXPECT_EQ(approval.at("agent").as_string(), "bot");
  EXPECT_EQ(approval.at("port").as_uint64(), 8443U);
  EXPECT_EQ(approval.at("rule").as_string(), "policy.yaml:12");
  EXPECT_EQ(approval.at("domain").as_string(), "example.com");
  EXPECT_EQ(approval.at("first_seen").as_string(), "2027-01-15T08:00:00.000Z");
  EXPECT_EQ(approval.at("decision").at("ttl").as_string(), "8h");
  EXPECT_EQ(approval.at("decision").at("by").at("name").as_string(), "alice");
  const auto grant = grant_json(*approvals_->grant(decided.grant->id));
  EXPECT_EQ(grant.at("uses_left").as_uint64(), 3U);
  EXPECT_EQ(grant.at("decision").as_string(), "approve");
  EXPECT_EQ(grant.at("expires").as_string(), "2027-01-15T16:00:00.000Z");
}

TEST_F(ApprovalsTest, GrantsAsPolicyAreRulesThatAnswerTheSame) {
  limits_.grant = std::chrono::hours(48);
  reopen();
  Decision decision = approve();
  decision.note = "first line\n- allow: any\n\x1b[31m";
  decide(ask(question_of("bot", "a.example.com:8443")), decision);
  Decision wide = approve();
  wide.scope = Scope::everyone;
  wide.match = Match::subdomains;
  decide(ask(question_of("bot", "shared.example.org")), wide);
  Question post = question_of("odd: name", "[2001:db8::1]", "r");
  post.method = "POST";
  post.path = "/v1/**";
  decide(ask(post), Decision{});
  Decision counted = approve();
  counted.uses = 3;
  decide(ask(question_of("lone", "counted.example.com")), counted);
  const auto gone = decide(ask(question_of("bot", "revoked.example.com")), approve());
  ASSERT_TRUE(approvals_->revoke(gone.grant->id, alice()).has_value());

  std::vector<Grant> grants = approvals_->grants({});
  std::erase_if(grants, [](const Grant& one) { return one.question.agent == "odd: name"; });
  const std::string text = grants_as_policy(grants);
  const auto policy = Policy::parse(text, "policy.yaml", ".");
  ASSERT_TRUE(policy.has_value()) << text << policy.error().at(0).text;
  const auto action = [&](const char* agent, const char* authority) {
    const Destination destination = to(authority);
    const Query query{agent, destination, Spoken::tls, std::nullopt, false, now_.load()};
    return (*policy)->decide(query).action;
  };
  EXPECT_EQ(action("bot", "a.example.com:8443"), Action::allow);
  EXPECT_EQ(action("bot", "a.example.com:443"), Action::ask);
  EXPECT_EQ(action("lone", "a.example.com:8443"), Action::ask);
  EXPECT_EQ(action("anyone", "x.shared.example.org"), Action::allow);
  EXPECT_EQ(action("lone", "counted.example.com"), Action::ask);
  EXPECT_EQ(action("bot", "unknown.example.net"), Action::ask);
  EXPECT_THAT(text, HasSubstr("approved by alice through cli, 2027-01-15T08:00:00Z"));
  EXPECT_THAT(text, HasSubstr(R"(first line\u000a- allow: any\u000a\u001b[31m)"));
  EXPECT_THAT(text, testing::Not(HasSubstr("revoked.example.com")));

  Grant denial = approvals_->grants({}).at(1);
  ASSERT_EQ(denial.question.agent, "odd: name");
  denial.question.agent = "bot";
  const std::string denied = grants_as_policy({denial});
  EXPECT_TRUE(Policy::parse(denied, "policy.yaml", ".").has_value()) << denied;
  EXPECT_THAT(denied, HasSubstr("- deny: \"2001:db8::1\""));
  EXPECT_TRUE(Policy::parse(grants_as_policy({}), "policy.yaml", ".").has_value());
}

TEST_F(ApprovalsTest, A_06_StarsThatAnAgentWroteBecomeNoPattern) {
  Question odd = question_of("bot", "api.example.com", "r");
  odd.method = "POST";
  odd.path = "/v1/x%2F**";
  decide(ask(odd), approve());
  const std::string text = grants_as_policy(approvals_->grants({}));
  EXPECT_THAT(text, testing::Not(HasSubstr("allow:"))) << text;
  EXPECT_TRUE(Policy::parse(text, "policy.yaml", ".").has_value()) << text;
}

TEST(Json, DurationsReadBackAsTheyAreWritten) {
  for (const std::int64_t seconds : {1LL, 59LL, 60LL, 90LL, 3600LL, 86'400LL, 90'000LL}) {
    const std::chrono::seconds duration(seconds);
    EXPECT_EQ(parse_duration(duration_text(duration)).value(), duration);
  }
}

}  // namespace
}  // namespace sallyport
