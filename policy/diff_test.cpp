#include "policy/diff.hpp"

#include "policy/identify_by_name.hpp"
#include "policy/policy_test_support.hpp"

#include <algorithm>

namespace sallyport::test {
namespace {

PolicyDiff diff(std::string_view before, std::string_view after) {
  return diff_policies(*policy_of(before), *policy_of(after), some_day());
}

std::string text_of(const PolicyDiff& diff) {
  std::string out;
  for (const PolicyChange& change : diff.changes) {
    out += (change.agent.empty() ? "*" : change.agent) + " " + change.target + " [" + change.ports + "] " + change.how +
           " " + std::to_string(static_cast<int>(change.before)) + std::to_string(static_cast<int>(change.after)) +
           change.note + "\n";
  }
  for (const std::string& note : diff.notes) out += note + "\n";
  return out;
}

bool has(const PolicyDiff& diff, const std::string& agent, const std::string& target, const std::string& ports,
         const std::string& how, Action before, Action after) {
  return std::any_of(diff.changes.begin(), diff.changes.end(), [&](const PolicyChange& change) {
    return change.agent == agent && change.target == target && change.ports == ports && change.how == how &&
           change.before == before && change.after == after;
  });
}

TEST(PolicyDiff, FindsNothingWhereOnlyTheWritingDiffers) {
  EXPECT_TRUE(diff("rules: [{ allow: [a.example, b.example] }]\n",
                   "groups: { g: [b.example] }\nrules: [{ allow: \"@g\" }, { allow: a.example, ports: [80, 443] }]\n")
                  .none());
}

TEST(PolicyDiff, TellsWhatBecameAllowedAtWhichPorts) {
  const PolicyDiff found =
      diff("rules: []\n", "rules: [{ allow: a.example }, { allow: a.example, ports: [8000-8002] }]\n");
  EXPECT_TRUE(has(found, "", "a.example", "80, 443, 8000-8002", "", Action::ask, Action::allow)) << text_of(found);
  EXPECT_EQ(found.changes.size(), 1U) << text_of(found);
  EXPECT_TRUE(found.changes.front().widens);
}

TEST(PolicyDiff, ShowsWhatWidensFirst) {
  const PolicyDiff found =
      diff("rules: [{ allow: a.example }, { deny: z.example }]\n", "rules: [{ deny: a.example }]\n");
  ASSERT_GE(found.changes.size(), 2U) << text_of(found);
  EXPECT_EQ(found.changes.front().target, "z.example");
  EXPECT_TRUE(has(found, "", "a.example", "80, 443", "", Action::allow, Action::deny)) << text_of(found);
}

TEST(PolicyDiff, AHostAndItsSubdomainsAreToldApart) {
  const PolicyDiff found = diff("rules: [{ allow: \"**.a.example\" }]\n", "rules: [{ allow: \"*.a.example\" }]\n");
  EXPECT_TRUE(has(found, "", "a.example", "80, 443", "", Action::allow, Action::ask)) << text_of(found);
  EXPECT_EQ(found.changes.size(), 1U) << text_of(found);
}

TEST(PolicyDiff, AnExceptionInAWildcardIsSeen) {
  const PolicyDiff found =
      diff("rules: [{ allow: \"*.a.example\" }]\n", "rules: [{ allow: \"*.a.example\", except: [x.a.example] }]\n");
  EXPECT_TRUE(has(found, "", "x.a.example", "80, 443", "", Action::allow, Action::ask)) << text_of(found);
  EXPECT_EQ(found.changes.size(), 1U) << text_of(found);
}

TEST(PolicyDiff, TellsWhichMethodsChanged) {
  const PolicyDiff found =
      diff("rules: [{ allow: a.example }]\n", "rules: [{ allow: a.example }, { ask: a.example, methods: [POST] }]\n");
  EXPECT_TRUE(std::any_of(found.changes.begin(), found.changes.end(), [](const PolicyChange& change) {
    return change.how.find("POST") != std::string::npos && change.how.find("GET") == std::string::npos &&
           change.before == Action::allow && change.after == Action::ask && !change.widens;
  })) << text_of(found);
}

TEST(PolicyDiff, TellsWhichAgentIsConcerned) {
  const PolicyDiff found = diff("agents: { bot: { rules: [] }, cat: { rules: [] } }\n",
                                "agents: { bot: { rules: [{ allow: a.example }] }, cat: { rules: [] } }\n");
  EXPECT_TRUE(has(found, "bot", "a.example", "80, 443", "", Action::ask, Action::allow)) << text_of(found);
  EXPECT_EQ(found.changes.size(), 1U) << text_of(found);
}

TEST(PolicyDiff, AnotherDefaultChangesEveryOtherHost) {
  const PolicyDiff found = diff("default: ask\n", "default: allow\n");
  EXPECT_TRUE(has(found, "", "any other host", "every port", "", Action::ask, Action::allow)) << text_of(found);
  EXPECT_TRUE(has(found, "", "any other address", "every port", "", Action::ask, Action::allow)) << text_of(found);
}

TEST(PolicyDiff, ABlockInsideABlockDoesNotHideIt) {
  const PolicyDiff found = diff("rules: [{ deny: 10.0.0.0/8 }]\n", "rules: [{ deny: 10.0.0.0/16 }]\n");
  EXPECT_TRUE(has(found, "", "10.0.0.0/8", "every port", "", Action::deny, Action::ask)) << text_of(found);
  EXPECT_EQ(found.changes.size(), 1U) << text_of(found);
}

TEST(PolicyDiff, PrivateAddressesAndLooserLimitsAreWidening) {
  const PolicyDiff opened = diff("rules: [{ allow: a.example }]\n", "rules: [{ allow: a.example, private: true }]\n");
  ASSERT_EQ(opened.changes.size(), 1U) << text_of(opened);
  EXPECT_EQ(opened.changes.front().note, "private addresses too");
  EXPECT_TRUE(opened.changes.front().widens);
  const PolicyDiff looser = diff("rules: [{ allow: a.example, limits: { connections: 2 } }]\n",
                                 "rules: [{ allow: a.example, limits: { connections: 3 } }]\n");
  ASSERT_EQ(looser.changes.size(), 1U) << text_of(looser);
  EXPECT_TRUE(looser.changes.front().widens);
}

TEST(PolicyDiff, WhoMayBeAnAgentIsADifference) {
  const PolicyDiff found = diff("agents: { bot: { from: [10.0.0.1] } }\n", "agents: { bot: { from: [10.0.0.2] } }\n");
  ASSERT_EQ(found.notes.size(), 1U);
  EXPECT_EQ(found.notes.front(), "agent bot was at 10.0.0.1, is at 10.0.0.2");
  EXPECT_FALSE(found.none());
}

TEST(PolicyDiff, SeesRequestsInsideTlsWhereARuleNeedsThem) {
  const PolicyDiff found = diff("default: deny\nrules: [{ allow: a.example }]\n",
                                "default: deny\nrules: [{ allow: a.example, methods: [GET] }]\n");
  for (const PolicyChange& change : found.changes) {
    EXPECT_EQ(change.how.find("tls"), std::string::npos) << text_of(found);
    EXPECT_FALSE(change.widens);
  }
  EXPECT_FALSE(found.changes.empty());
}

std::string diff_of_programs(const std::string& before, const std::string& after) {
  const auto load = [](const std::string& rules) {
    return *Policy::parse("version: 1\ndefault: deny\n" + rules, "policy.yaml", ".", identify_by_name);
  };
  return text_of(diff_policies(*load(before), *load(after), some_day()));
}

TEST(PolicyDiff, TellsWhichProgramsWereLetIn) {
  EXPECT_EQ(diff_of_programs("rules: [{ allow: a.example, exe: [/bin/git] }]\n",
                             "rules: [{ allow: a.example, exe: [/bin/git, /bin/curl] }]\n"),
            "* a.example [80, 443] by /bin/curl 20\n");
  EXPECT_EQ(diff_of_programs("rules: [{ allow: a.example, exe: /bin/git }]\n", "rules: [{ allow: a.example }]\n"),
            "* a.example [80, 443] by another program, by an unknown program 20\n");
}

TEST(PolicyDiff, NotesWhatIsInjected) {
  const PolicyDiff found =
      diff("secrets: { s: { env: A } }\nrules: [{ allow: a.example, inject: { placeholder: s } }]\n",
           "secrets: { s: { env: B } }\nrules: [{ allow: a.example, inject: { query: k, value: "
           "'${secret:s}' } }]\n");
  EXPECT_EQ(text_of(found),
            "the secret s comes from elsewhere\n"
            "agent default is newly given secret s as query parameter k for a.example\n"
            "agent default is no longer given secret s in place of its placeholder for a.example\n");
}

}  // namespace
}  // namespace sallyport::test
