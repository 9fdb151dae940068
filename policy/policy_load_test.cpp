#include "policy/any_request.hpp"
#include "policy/policy_test_support.hpp"
#include "policy/presets.hpp"
#include "policy/sha256.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace sallyport::test {
namespace {

using testing::HasSubstr;

constexpr std::string_view example = R"(version: 1
default: ask
groups:
  npm: [registry.npmjs.org]
  github: [github.com, api.github.com, codeload.github.com, { pattern: "*.githubusercontent.com", public_suffix: true }]
rules:
  - allow: ["@npm", "@github"]
  - allow: github.com
    ports: [22]
    protocol: ssh
  - ask: api.github.com
    methods: [POST, PUT, PATCH, DELETE]
  - deny: "**.pastebin.com"
    reason: paste sites leak code
  - allow: db.corp.example
    ports: [5432]
    private: true
agents:
  release-bot:
    from: [10.20.0.7, 10.20.1.0/24]
    token: { env: RELEASE_BOT_TOKEN }
    default: deny
    rules:
      - allow: uploads.github.com
        methods: [POST]
        paths: ["/repos/acme/app/releases/**"]
        limits: { upload: 200MiB, connections: 8, names: 50 }
        expires: 2027-01-31
tests:
  - { agent: release-bot, to: "https://uploads.github.com/repos/acme/app/releases/1/assets", method: POST, expect: allow }
  - { to: "https://pastebin.com/", expect: deny }
)";

// A folder of its own, gone at the end.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "policy-test-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no folder for the test");
    path_ = pattern;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  void write(const std::string& name, const std::string& text) const { std::ofstream(path_ / name) << text; }
  std::string path(const std::string& name = "") const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

TEST(Load, TheExampleLoadsAndPassesItsTests) {
  setenv("RELEASE_BOT_TOKEN", "s3cret", 1);
  const auto policy = Policy::parse(example, "policy.yaml", ".");
  ASSERT_TRUE(policy);
  for (const auto& result : (*policy)->run_tests(some_day())) EXPECT_TRUE(result.passed) << result.what << result.got;
  EXPECT_EQ((*policy)->run_tests(some_day()).size(), 2U);
  EXPECT_EQ((*policy)->agent_of(*Address::parse("10.20.1.9")), "release-bot");
  EXPECT_FALSE((*policy)->agent_of(*Address::parse("10.20.2.9")));
  EXPECT_TRUE((*policy)->token_matches("release-bot", "s3cret"));
  EXPECT_FALSE((*policy)->token_matches("release-bot", "s3cre"));
  EXPECT_FALSE((*policy)->token_matches("default", ""));
  EXPECT_EQ((*policy)->uid(), hex(sha256(example)));
  EXPECT_EQ(decide(**policy, "www.pastebin.com").reason, "paste sites leak code");
  EXPECT_EQ(decide(**policy, "www.pastebin.com").rule, "policy.yaml:13");
  EXPECT_TRUE(decide(**policy, "db.corp.example:5432").private_ok);
}

TEST(Load, N_18_EveryComplaintIsSaidAtOnceWithItsPlace) {
  const std::string all = complaints_of(
      "version: 2\nrulez: []\ndefault: maybe\nrules:\n  - allow: a.test\n    portz: [1]\n  - allow: a.test\n"
      "    ports: [70000]\n  - alow: b.test\n");
  EXPECT_THAT(all, HasSubstr("policy.yaml:1:10: expected 1"));
  EXPECT_THAT(all, HasSubstr("policy.yaml:2:1: a policy has no key \"rulez\", did you mean \"rules\"?"));
  EXPECT_THAT(all, HasSubstr("policy.yaml:3:10: expected allow, ask or deny"));
  EXPECT_THAT(all, HasSubstr("policy.yaml:6:5: a rule has no key \"portz\", did you mean \"ports\"?"));
  EXPECT_THAT(all, HasSubstr("policy.yaml:8:13: expected a port"));
  EXPECT_THAT(all, HasSubstr("policy.yaml:9:5: a rule has no key \"alow\", did you mean \"allow\"?"));
}

TEST(Load, ComplaintsSayWhatToWriteInstead) {
  const std::vector<std::pair<const char*, const char*>> table{
      {"rules:\n  - {allow: a.test, deny: b.test}", "write two rules"},
      {"rules:\n  - {reason: x}", "write allow, ask or deny"},
      {"rules:\n  - allow: \"@npn\"\ngroups: {npm: [a.test]}", "there is no group \"npn\", did you mean \"npm\"?"},
      {"rules:\n  - allow: \"@npm\"", "the preset is written \"@preset/npm\""},
      {"rules:\n  - allow: \"@preset/pipy\"", "did you mean \"pypi\"?"},
      {"groups: {a: [\"@b\"], b: [\"@a\"]}", "holds itself"},
      {"rules:\n  - {deny: a.test, private: true}", "private belongs to allow or ask"},
      {"rules:\n  - {allow: a.test, protocol: ssh, methods: [GET]}", "need requests that are seen"},
      {"rules:\n  - {allow: a.test, methods: [get]}", "in capitals"},
      {"rules:\n  - {allow: a.test, limits: {upload: lots}}", "expected a size"},
      {"rules:\n  - {allow: a.test, expires: tomorrow}", "expected a date such as 2027-01-31"},
      {"rules:\n  - {allow: a.test, expires: 2026-02-30}", "expected a date"},
      {"rules:\n  - {allow: a.test, ports: [\"10-5\"]}", "expected a port"},
      {"rules:\n  - {allow: {list: missing.txt}}", "cannot read"},
      {"agents: {a: {from: 10.0.0.1}, b: {from: 10.0.0.1}}", "already a source address of the agent \"a\""},
      {"agents: {a: {token: secret}}", "never the token itself"},
      {"agents: {a: {token: {sha256: 12}}}", "64 hex digits"},
      {"agents: {default: {from: 10.0.0.1}}", "whoever has no other name"},
      {"tests:\n  - {to: \"ftp://a.test/\", expect: deny}", "expected https://"},
      {"tests:\n  - {agent: nobody, to: \"https://a.test/\", expect: deny}", "there is no agent"},
      {"rules: {}", "rules is a list"},
  };
  for (const auto& [text, expected] : table) {
    EXPECT_THAT(complaints_of("version: 1\n" + std::string(text) + "\n"), HasSubstr(expected)) << text;
  }
  EXPECT_THAT(complaints_of(""), HasSubstr("the policy is empty"));
  EXPECT_THAT(complaints_of("default: ask"), HasSubstr("version is missing"));
}

TEST(Load, N_12_WildcardsOverPublicSuffixesAreJudgedByUse) {
  const auto rules = [](const std::string& rule) { return complaints_of("version: 1\nrules:\n  - " + rule + "\n"); };
  EXPECT_NE(rules("allow: \"*.com\""), "no complaint");
  EXPECT_NE(rules("allow: {pattern: \"*.co.uk\", public_suffix: true}"), "no complaint");
  EXPECT_NE(rules("allow: \"*.github.io\""), "no complaint");
  EXPECT_EQ(rules("allow: {pattern: \"*.github.io\", public_suffix: true}"), "no complaint");
  EXPECT_EQ(rules("deny: \"*.com\""), "no complaint");
  EXPECT_EQ(rules("{allow: any, except: \"*.com\"}"), "no complaint");
}

TEST(Load, EveryPresetIsUsable) {
  for (const std::string_view name : preset_names()) {
    EXPECT_EQ(complaints_of("version: 1\nrules:\n  - allow: \"@preset/" + std::string(name) + "\"\n"), "no complaint");
  }
}

TEST(Load, ListsAreReadBesideThePolicyAndWatched) {
  const Folder folder;
  folder.write("names.txt", "# names\na.test\n*.b.test\n");
  folder.write("empty.txt", "");
  folder.write("policy.yaml",
               "version: 1\ndefault: deny\nrules:\n  - allow: {list: names.txt}\n  - allow: {list: empty.txt}\n");
  const auto policy = Policy::load(folder.path("policy.yaml"));
  ASSERT_TRUE(policy);
  EXPECT_EQ(action(**policy, "a.test"), Action::allow);
  EXPECT_EQ(action(**policy, "x.b.test"), Action::allow);
  EXPECT_EQ(action(**policy, "c.test"), Action::deny);
  EXPECT_THAT((*policy)->files(), testing::Contains(folder.path("names.txt")));
  folder.write("names.txt", "a.test\n");
  EXPECT_NE((*Policy::load(folder.path("policy.yaml")))->uid(), (*policy)->uid());
  folder.write("names.txt", "*.com\n");
  EXPECT_FALSE(Policy::load(folder.path("policy.yaml")));
}

TEST(Load, ABoundaryIsNeverExceeded) {
  const Folder folder;
  folder.write("edge.yaml",
               "version: 1\ndefault: deny\nrules:\n  - {allow: a.test, limits: {upload: 1MiB}}\n  - ask: b.test\n");
  const auto policy =
      policy_of("boundary: edge.yaml\nrules:\n  - {allow: [a.test, b.test, c.test], private: true}\n  - deny: d.test\n",
                folder.path());
  EXPECT_EQ(action(*policy, "a.test"), Action::allow);
  EXPECT_EQ(decide(*policy, "a.test").limits.upload_bytes, 1U << 20U);
  EXPECT_FALSE(decide(*policy, "a.test").private_ok);
  EXPECT_EQ(action(*policy, "b.test"), Action::ask);
  EXPECT_EQ(action(*policy, "c.test"), Action::deny);
  EXPECT_EQ(action(*policy, "d.test"), Action::deny);
  folder.write("edge.yaml", "version: 3\n");
  EXPECT_THAT(complaints_of("version: 1\nboundary: edge.yaml\n", folder.path()), HasSubstr("edge.yaml:1:10"));
}

TEST(Load, ABoundaryMayNeedRequestsAndInjectsNothing) {
  const Folder folder;
  folder.write("edge.yaml", "version: 1\ndefault: deny\nrules:\n  - {allow: a.test, methods: [GET]}\n");
  const auto policy =
      policy_of("boundary: edge.yaml\nrules:\n  - {allow: a.test, inject: {header: X, value: y}}\n", folder.path());
  const auto to = parse_authority("a.test:443", 443);
  EXPECT_TRUE(policy->needs_request({"default", *to, Spoken::tls, std::nullopt, false, some_day()}));
  EXPECT_EQ(decide(*policy, "a.test", {"default", Spoken::tls, SeenRequest{"GET", "/"}}).injections.size(), 1U);
  EXPECT_EQ(action(*policy, "a.test", {"default", Spoken::tls, SeenRequest{"POST", "/"}}), Action::deny);
  EXPECT_FALSE(allows_any_request(*policy, {"default", *to, Spoken::tls, std::nullopt, false, some_day()}));
  const auto plain = policy_of("boundary: edge.yaml\nrules:\n  - allow: a.test\n", folder.path());
  EXPECT_EQ(plain->needs_request({"default", *to, Spoken::tls, std::nullopt, false, some_day()}), "edge.yaml:4");
  folder.write("edge.yaml", "version: 1\nrules:\n  - {allow: a.test, inject: {header: X, value: y}}\n");
  EXPECT_THAT(complaints_of("version: 1\nboundary: edge.yaml\n", folder.path()), HasSubstr("injects nothing"));
}

std::string warnings_of(const std::string& rules) {
  std::string all;
  const auto policy = policy_of("rules:\n" + rules);
  for (const Complaint& warning : policy->warnings()) all += warning.text + "\n";
  return all;
}

TEST(Lint, WarnsOfRulesThatNeverDecide) {
  EXPECT_THAT(warnings_of("  - allow: a.x.test\n  - deny: \"*.x.test\"\n"),
              HasSubstr("policy.yaml:3:5: this rule never decides"));
  EXPECT_THAT(warnings_of("  - allow: a.test\n  - allow: [a.test, b.test]\n"), HasSubstr("repeats policy.yaml:4"));
  EXPECT_THAT(warnings_of("  - allow: a.test\n  - allow: a.test\n"), HasSubstr("policy.yaml:4:5: this rule repeats"));
  EXPECT_THAT(warnings_of("  - {allow: a.test, expires: 2020-01-01}\n"), HasSubstr("has expired"));
  EXPECT_THAT(warnings_of("  - {allow: a.test, methods: [GET]}\n  - allow: a.test\n"),
              HasSubstr("without its restriction"));
  EXPECT_THAT(warnings_of("  - allow: []\n"), HasSubstr("names nothing"));
  EXPECT_EQ(warnings_of("  - allow: a.test\n  - {allow: a.test, ports: [22]}\n  - {deny: a.test, ports: [25]}\n"), "");
}

TEST(Lint, WarnsOfAMethodThatNobodyKnows) {
  EXPECT_THAT(warnings_of("  - {allow: a.test, protocol: http, methods: [GTE]}\n"),
              HasSubstr("\"GTE\" is no method that is known here, did you mean \"GET\"?"));
  EXPECT_EQ(warnings_of("  - {allow: a.test, protocol: http, methods: [GET, PROPFIND, read-only]}\n"), "");
}

TEST(Lint, WarnsOfNamesThatNeverGetHere) {
  EXPECT_THAT(warnings_of("  - allow: localhost\n"), HasSubstr("names localhost, which is the sandbox's own loopback"));
  EXPECT_THAT(warnings_of("  - allow: sallyport.internal\n"), HasSubstr("which Sallyport answers itself"));
}

TEST(Explain, TellsWhoWonAndWhatCameClose) {
  const auto policy = policy_of("rules:\n  - allow: a.test\n  - {allow: a.test, ports: [22]}\n  - deny: \"**.test\"\n");
  const auto target = parse_target("https://a.test/x");
  const auto explanation = policy->explain({"default", target->to, target->spoken, {}, false, some_day()});
  ASSERT_EQ(explanation.matches.size(), 3U);
  EXPECT_FALSE(explanation.matches[0].won);
  EXPECT_THAT(explanation.matches[1].why, HasSubstr("another port"));
  EXPECT_TRUE(explanation.matches[2].won);
}

TEST(Embedded, AsksAboutEverything) {
  EXPECT_EQ(action(*Policy::embedded(), "a.test"), Action::ask);
}

}  // namespace
}  // namespace sallyport::test
