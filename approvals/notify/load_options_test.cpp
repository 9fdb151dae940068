#include "approvals/notify/load_options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace sallyport {
namespace {

using testing::HasSubstr;
using testing::Not;

class NotifyOptionsTest : public testing::Test {
 protected:
  NotifyOptionsTest() {
    setenv("HOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1);
    setenv("HOOK_URL", "https://hooks.example.com/T0/s3cret", 1);
    setenv("BAD_URL", "http://hooks.example.com/s3cret", 1);
    setenv("SHORT", "s3cret", 1);
    unsetenv("UNSET");
  }
  void load(const std::string& text) {
    const auto root = parse_yaml(text, "sallyport.yaml");
    ASSERT_TRUE(root.has_value()) << root.error().text;
    load_notify(root->find("notify"), "sallyport.yaml", complaints_, options_);
    load_decider(root->find("decider"), "sallyport.yaml", complaints_, options_);
  }
  std::string complaint() const { return complaints_.empty() ? "" : complaints_.front().text; }

  NotifyOptions options_;
  std::vector<Complaint> complaints_;
};

TEST_F(NotifyOptionsTest, ReadEveryKindOfReceiver) {
  load(R"(
notify:
  - { webhook: "https://a.example/x", secret: { env: HOOK_SECRET }, events: [asked, decided] }
  - { webhook: { env: HOOK_URL }, format: slack, events: expired }
  - { exec: [/usr/local/bin/notify, --flag], timeout: 5s }
decider: { url: "http://127.0.0.1:8080/decide", secret: { env: HOOK_SECRET }, timeout: 500ms }
)");
  EXPECT_EQ(complaint(), "");
  ASSERT_EQ(options_.webhooks.size(), 2U);
  EXPECT_EQ(options_.webhooks[0].endpoint.secret.size(), 24U);
  EXPECT_TRUE(options_.webhooks[0].events.asked && options_.webhooks[0].events.decided);
  EXPECT_FALSE(options_.webhooks[0].events.expired);
  EXPECT_EQ(options_.webhooks[1].endpoint.url.target, "/T0/s3cret");
  EXPECT_EQ(options_.webhooks[1].format, WebhookOptions::Format::slack);
  EXPECT_FALSE(options_.webhooks[1].events.asked);
  ASSERT_EQ(options_.commands.size(), 1U);
  EXPECT_EQ(options_.commands[0].arguments, (std::vector<std::string>{"/usr/local/bin/notify", "--flag"}));
  EXPECT_EQ(options_.commands[0].timeout, std::chrono::seconds(5));
  ASSERT_TRUE(options_.decider.has_value());
  EXPECT_EQ(options_.decider->timeout, std::chrono::milliseconds(500));
}

TEST_F(NotifyOptionsTest, AreEmptyWhereNothingIsSaid) {
  load("notify: []\n");
  EXPECT_EQ(complaint(), "");
  EXPECT_TRUE(options_.empty());
}

struct Wrong {
  const char* text;
  const char* complaint;
};
class WrongNotifyOptions : public NotifyOptionsTest, public testing::WithParamInterface<Wrong> {};

TEST_P(WrongNotifyOptions, AreNamedWithTheirPlaceAndWithoutSecrets) {
  load(GetParam().text);
  EXPECT_THAT(complaint(), HasSubstr(GetParam().complaint));
  EXPECT_THAT(complaint(), testing::StartsWith("sallyport.yaml:"));
  EXPECT_THAT(complaint(), Not(HasSubstr("s3cret")));
  EXPECT_TRUE(options_.commands.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Table, WrongNotifyOptions,
    testing::Values(
        Wrong{"notify: [{ webhook: 'https://a.example/' }]", "wants a secret"},
        Wrong{"notify: [{ webhook: 'https://a.example/', secret: s3cret }]",
              "write { env: VARIABLE } or { file: PATH }"},
        Wrong{"notify: [{ webhook: 'https://a.example/', secret: { env: SHORT } }]", "at least 16 bytes"},
        Wrong{"notify: [{ webhook: 'https://a.example/', secret: { env: UNSET } }]", "UNSET is not set"},
        Wrong{"notify: [{ webhook: 'https://a.example/', secret: { file: /nowhere/x } }]", "cannot be read"},
        Wrong{"notify: [{ webhook: { env: BAD_URL }, format: slack }]", "this machine only"},
        Wrong{"notify: [{ webhook: 'https://a.example/', format: teams }]", "standard or slack"},
        Wrong{"notify: [{ webhook: 'https://a.example/', secrets: x }]", "did you mean 'secret'?"},
        Wrong{"notify: [{ webhook: 'https://a.example/', events: [ask] }]", "none of asked, decided, expired"},
        Wrong{"notify: [{ webhook: 'https://a.example/', format: slack, ca: /proc/self/comm }]", "no certificates"},
        Wrong{"notify: [{ exec: notify }]", "absolute path"}, Wrong{"notify: [{ exec: [] }]", "absolute path"},
        Wrong{"notify: [{ exec: ['/bin/true', [x]] }]", "plain words"},
        Wrong{"notify: [{ mail: root }]", "notify wants entries"}, Wrong{"notify: [yes]", "notify wants entries"},
        Wrong{"decider: { secret: { env: HOOK_SECRET } }", "write url"},
        Wrong{"decider: { url: 'https://a.example/', secret: { env: HOOK_SECRET }, timeout: 1h }", "at most 60s"},
        Wrong{"decider: yes", "wants keys and values"}));

}  // namespace
}  // namespace sallyport
