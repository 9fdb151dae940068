// What `inject`, `secrets` and `exe` may say, and what is said of what they may not.
#include "policy/policy_test_support.hpp"

#include <gmock/gmock.h>

namespace sallyport {
namespace {

using test::complaints_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view with_secret = "secrets: { github: { env: GITHUB_TOKEN } }\n";

std::string complaints_about_rule(const std::string& rule) {
  return complaints_of("version: 1\n" + std::string(with_secret) + "rules:\n  - " + rule + "\n");
}

TEST(LoadInject, SecretsSayWhereTheyComeFrom) {
  const auto policy = test::policy_of(R"(
secrets:
  one: { env: ONE }
  two: { file: secret.txt }
  three: { command: [pass, show, three], every: 1h }
rules:
  - { allow: a.test, inject: [{ placeholder: one }, { placeholder: two }, { placeholder: three }] }
)",
                                      "/etc/sallyport");
  ASSERT_EQ(policy->secrets().size(), 3U);
  EXPECT_EQ(policy->secrets()[0].place, "ONE");
  EXPECT_EQ(policy->secrets()[1].place, "/etc/sallyport/secret.txt");
  EXPECT_THAT(policy->secrets()[2].command, ElementsAre("pass", "show", "three"));
  EXPECT_EQ(policy->secrets()[2].every, std::chrono::hours(1));
  EXPECT_TRUE(policy->warnings().empty());
}

TEST(LoadInject, ComplaintsSayWhatToWriteInstead) {
  const std::vector<std::pair<const char*, const char*>> table{
      {"{ allow: a.test, inject: { header: X-Key, value: '${secret:gihtub}' } }", "did you mean \"github\"?"},
      {"{ allow: a.test, inject: { header: X-Key, value: '${secret:other}' } }",
       "policy.yaml:4:54: there is no secret \"other\": write secrets: { other: { env: VARIABLE } }"},
      {"{ allow: a.test, inject: { header: X-Key, value: '${github}' } }", "write ${secret:NAME}"},
      {"{ deny: a.test, inject: { header: X-Key, value: x } }", "inject belongs to allow"},
      {"{ ask: a.test, inject: { header: X-Key, value: x } }", "inject belongs to allow"},
      {"{ allow: a.test, protocol: ssh, inject: { header: X-Key, value: x } }", "leave protocol out"},
      {"{ allow: a.test, protocol: tcp, inject: { header: X-Key, value: x } }", "leave protocol out"},
      {"{ allow: a.test, ports: [80], inject: { header: X-Key, value: x } }", "write ports: [443]"},
      {"{ allow: a.test, inject: { header: Host, value: x } }", "written by Sallyport itself"},
      {"{ allow: a.test, inject: { header: content-length, value: x } }", "written by Sallyport itself"},
      {"{ allow: a.test, inject: { header: Transfer-Encoding, value: x } }", "written by Sallyport itself"},
      {"{ allow: a.test, inject: { header: Proxy-Authorization, value: x } }", "written by Sallyport itself"},
      {"{ allow: a.test, inject: { header: 'X Key', value: x } }", "one word"},
      {"{ allow: a.test, inject: { header: X-Key, value: \"a\\r\\nb\" } }", "one line"},
      {"{ allow: a.test, inject: { header: X-Key } }", "the value is missing"},
      {"{ allow: a.test, inject: { basic: { user: 'a:b', password: x } } }", "has no \":\""},
      {"{ allow: a.test, inject: { basic: { user: a } } }", "the password is missing"},
      {"{ allow: a.test, inject: {} }", "inject is one of"},
      {"{ allow: a.test, inject: [] }", "nothing is injected"},
      {"{ allow: a.test, inject: [{ basic: { password: x } }, { header: authorization, value: x }] }", "already"},
      {"{ allow: a.test, exe: [git] }", "write /usr/bin/git"},
      {"{ allow: a.test, exe: [] }", "no program at all"},
  };
  for (const auto& [rule, expected] : table) EXPECT_THAT(complaints_about_rule(rule), HasSubstr(expected)) << rule;
}

TEST(LoadInject, ComplaintsAboutSecretsSayWhatToWriteInstead) {
  const std::vector<std::pair<const char*, const char*>> table{
      {"secrets: { a: ghp_x }", "never the secret itself"},
      {"secrets: { a: { env: A, file: b } }", "comes from one place"},
      {"secrets: { a: { command: pass show a } }", "without a shell"},
      {"secrets: { a: { file: a, every: 1h } }", "every is for a command"},
      {"secrets: { a: { command: [a], every: 1s } }", "10s or longer"},
      {"secrets: { 'a b': { env: A } }", "a secret's name"},
      {"secrets: [a]", "secrets is written as"},
  };
  for (const auto& [text, expected] : table) {
    EXPECT_THAT(complaints_of("version: 1\n" + std::string(text)), HasSubstr(expected)) << text;
  }
}

std::string warnings_about(const std::string& rules) {
  std::string all;
  const auto policy = test::policy_of(std::string(with_secret) + rules);
  for (const auto& warning : policy->warnings()) all += warning.text + "\n";
  return all;
}

TEST(LoadInject, WarnsWhereASecretGoesToStrangers) {
  const std::string inject = ", inject: { header: X-Key, value: '${secret:github}' } }";
  EXPECT_THAT(warnings_about("rules:\n  - { allow: any" + inject), HasSubstr("name the hosts that need it"));
  EXPECT_THAT(warnings_about("rules:\n  - { allow: { pattern: '*.github.io', public_suffix: true }" + inject),
              HasSubstr("name the hosts that need it"));
  EXPECT_EQ(warnings_about("rules:\n  - { allow: '*.example.org'" + inject), "");
  EXPECT_THAT(warnings_about("rules:\n  - { allow: a.test }"), HasSubstr("no rule injects the secret \"github\""));
}

TEST(LoadInject, MethodsOverHttpsNeedNoWarning) {
  EXPECT_TRUE(test::policy_of("rules:\n  - { allow: a.test, methods: [GET] }\n")->warnings().empty());
}

TEST(LoadInject, AProgramThatIsNotThereIsSaid) {
  const auto policy = Policy::parse("version: 1\nrules:\n  - { allow: a.test, exe: [/bin/x, /bin/y] }\n", "policy.yaml",
                                    ".", [](const std::string& path) -> std::optional<FileIdentity> {
                                      if (path == "/bin/y") return std::nullopt;
                                      return FileIdentity{1, 2};
                                    });
  ASSERT_TRUE(policy);
  EXPECT_TRUE((*policy)->warnings().empty());
  ASSERT_EQ((*policy)->notes().size(), 2U);
  EXPECT_THAT((*policy)->notes()[0].text, HasSubstr("policy.yaml:3:36: there is no file /bin/y here"));
  EXPECT_THAT((*policy)->notes()[1].text, HasSubstr("is no boundary"));
  EXPECT_THAT((*policy)->files(), ElementsAre("policy.yaml", "/bin/x", "/bin/y"));
}

}  // namespace
}  // namespace sallyport
