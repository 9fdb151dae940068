#include "policy/policy_edit.hpp"

#include "policy/policy.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

NewRule rule_for(std::string_view authority, std::string agent = "run") {
  return {std::move(agent), parse_authority(authority, 443).value(), false, {}, {}};
}

std::string edited(std::string_view text, const NewRule& rule) {
  auto result = add_rule(text, rule, "why");
  return result ? *result : "refused: " + result.error().text;
}

struct Row {
  const char* name;
  const char* before;
  const char* after;
};

const Row rows[] = {
    {"AnEmptyFile", "", "version: 1\nrules:\n  # why\n  - allow: new.example\n"},
    {"CommentsAlone", "# mine\n", "# mine\nversion: 1\nrules:\n  # why\n  - allow: new.example\n"},
    {"CommentsWithoutALineEnd", "# mine", "# mine\nversion: 1\nrules:\n  # why\n  - allow: new.example\n"},
    {"NoRules", "version: 1\n", "version: 1\n\nrules:\n  # why\n  - allow: new.example\n"},
    {"NoRulesAndNoLineEnd", "version: 1", "version: 1\n\nrules:\n  # why\n  - allow: new.example\n"},
    {"RulesOfNothing", "version: 1\nrules:\ndefault: deny\n",
     "version: 1\nrules:\n  # why\n  - allow: new.example\ndefault: deny\n"},
    {"RulesThatAreAllCommentedOut", "version: 1\nrules:  # later\n  # - allow: x.example\n\n# end\n",
     "version: 1\nrules:  # later\n  # - allow: x.example\n  # why\n  - allow: new.example\n\n# end\n"},
    {"AList", "version: 1\nrules:\n  - allow: a.example  # first\n\ndefault: ask\n",
     "version: 1\nrules:\n  - allow: a.example  # first\n  # why\n  - allow: new.example\n\ndefault: ask\n"},
    {"AListAtTheEndWithoutALineEnd", "version: 1\nrules:\n  - allow: a.example",
     "version: 1\nrules:\n  - allow: a.example\n  # why\n  - allow: new.example\n"},
    {"AListWithoutIndentation", "version: 1\nrules:\n- allow: a.example\n# about the default\ndefault: ask\n",
     "version: 1\nrules:\n- allow: a.example\n# why\n- allow: new.example\n# about the default\ndefault: ask\n"},
    {"AWideList", "rules:\n    -   allow: a.example\n        ports: [1]\n    # - deny: x\nversion: 1\n",
     "rules:\n    -   allow: a.example\n        ports: [1]\n    # - deny: x\n    # why\n    -   allow: new.example\n"
     "version: 1\n"},
    {"WindowsLines", "version: 1\r\nrules:\r\n  - allow: a.example\r\n",
     "version: 1\r\nrules:\r\n  - allow: a.example\r\n  # why\r\n  - allow: new.example\r\n"},
    {"TabsInComments", "version: 1\nrules: #\tmine\n  - allow: a.example\t# x\n",
     "version: 1\nrules: #\tmine\n  - allow: a.example\t# x\n  # why\n  - allow: new.example\n"},
    {"NoRulesAtAllInBrackets", "version: 1\nrules: []  # none yet\ndefault: ask\n",
     "version: 1\nrules:  # none yet\n  # why\n  - allow: new.example\ndefault: ask\n"},
    {"Brackets", "version: 1\nrules: [ { allow: a.example } ]  # x\n",
     "version: 1\nrules: [ { allow: a.example },\n  # why\n  { allow: new.example } ]  # x\n"},
    {"BracketsOfSeveralLines", "version: 1\nrules: [\n    { allow: \"[::1]\" },  # ]\n    { deny: x } # y\n  ]\n",
     "version: 1\nrules: [\n    { allow: \"[::1]\" },  # ]\n    { deny: x }, # y\n  # why\n  { allow: new.example }\n"
     "  ]\n"},
    {"ALongText", "version: 1\nrules:\n  - allow: a.example\n    reason: >\n      one\n      # two\nagents: {}\n",
     "version: 1\nrules:\n  - allow: a.example\n    reason: >\n      one\n      # two\n  # why\n"
     "  - allow: new.example\nagents: {}\n"},
    {"AnotherAgentsSection", "version: 1\nagents:\n  other:\n    rules: []\n",
     "version: 1\nagents:\n  other:\n    rules: []\n\nrules:\n  # why\n  - allow: new.example\n"},
    {"TheAgentsOwnSection",
     "version: 1\nagents:\n  run:\n    rules:\n      - allow: a.example\n  other: {}\nrules: []\n",
     "version: 1\nagents:\n  run:\n    rules:\n      - allow: a.example\n      # why\n      - allow: new.example\n"
     "  other: {}\nrules: []\n"},
    {"TheAgentsSectionWithoutRules", "version: 1\nagents:\n  run:\n    default: deny\n\n  # next\n  other: {}\n",
     "version: 1\nagents:\n  run:\n    default: deny\n    rules:\n      # why\n      - allow: new.example\n\n"
     "  # next\n  other: {}\n"},
    {"AnEndedDocument", "---\nversion: 1\n...\n", "---\nversion: 1\n\nrules:\n  # why\n  - allow: new.example\n...\n"},
};

class PolicyEdit : public testing::TestWithParam<Row> {};

TEST_P(PolicyEdit, PutsARuleInAndLeavesTheRestAlone) {
  const std::string text = edited(GetParam().before, rule_for("new.example"));
  EXPECT_EQ(text, GetParam().after);
}

INSTANTIATE_TEST_SUITE_P(Files, PolicyEdit, testing::ValuesIn(rows), [](const auto& row) { return row.param.name; });

TEST(PolicyEditRule, NamesWhatIsNotUsual) {
  NewRule ssh = rule_for("git.example:22");
  ssh.ssh = true;
  EXPECT_EQ(edited("", ssh),
            "version: 1\nrules:\n  # why\n  - allow: git.example\n    ports: [22]\n    protocol: ssh\n");
  NewRule request = rule_for("api.example");
  request.method = "POST";
  request.path = "/a/\"**";
  EXPECT_EQ(
      edited("", request),
      "version: 1\nrules:\n  # why\n  - allow: api.example\n    methods: [\"POST\"]\n    paths: [\"/a/\\\"**\"]\n");
  EXPECT_EQ(edited("", rule_for("[2001:db8::1]:80")), "version: 1\nrules:\n  # why\n  - allow: \"2001:db8::1\"\n");
  EXPECT_EQ(edited("", rule_for("null:443")), "version: 1\nrules:\n  # why\n  - allow: \"null\"\n");
}

TEST(PolicyEditRule, IsReadAsItWasMeant) {
  const std::string text = edited("version: 1\ndefault: deny\n", rule_for("db.example:5432"));
  const auto policy = Policy::parse(text, "policy.yaml", ".");
  ASSERT_TRUE(policy.has_value()) << text;
  const auto to = parse_authority("db.example:5432", 0).value();
  const Query query{.agent = "run", .to = to, .spoken = Spoken::silent, .request = {}, .now = WallClock::now()};
  EXPECT_EQ((*policy)->decide(query).action, Action::allow);
}

TEST(PolicyEditRule, A_17_CannotBeLedAstrayByItsComment) {
  const auto text = add_rule("version: 1\n", rule_for("new.example"), "by \"x\"\n  - allow: any\r\x1b[2J\xe2\x80\xa8");
  ASSERT_TRUE(text.has_value());
  EXPECT_EQ(*text, "version: 1\n\nrules:\n  # by \"x\"?  - allow: any??[2J???\n  - allow: new.example\n");
}

TEST(PolicyEditRule, LeavesAloneWhatItDoesNotUnderstand) {
  for (const char* text : {"version: [1", "{ version: 1 }", "version: 1\nrules: ~\n", "version: 1\nrules: word\n",
                           "version: 1\nagents:\n  run:\n", "- a list\n", "version: 1\nagents: { run: { } }\n",
                           "version: 1\n\"rules\": !tag []\n"}) {
    EXPECT_FALSE(add_rule(text, rule_for("new.example"), "why").has_value()) << text;
  }
}

}  // namespace
}  // namespace sallyport
