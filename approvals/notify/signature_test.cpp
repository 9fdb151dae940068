#include "approvals/notify/signature.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

// The example that Standard Webhooks' own libraries are tested with.
TEST(WebhookSignature, IsThatOfStandardWebhooks) {
  const auto key = parse_webhook_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
  ASSERT_TRUE(key.has_value()) << key.error().text;
  EXPECT_EQ(webhook_signature(*key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", R"({"test": 2432232314})"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(WebhookSecret, IsDecodedWithAndWithoutItsPadding) {
  const std::string key = "0123456789abcdef0";
  EXPECT_EQ(parse_webhook_secret("whsec_MDEyMzQ1Njc4OWFiY2RlZjA=").value(), key);
  EXPECT_EQ(parse_webhook_secret("whsec_MDEyMzQ1Njc4OWFiY2RlZjA").value(), key);
  EXPECT_EQ(parse_webhook_secret(key + "\r\n").value(), key);
}

TEST(WebhookSecret, IsLongAndWellFormedAndNeverRepeated) {
  for (const std::string text :
       {"", "short", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64, this one", "whsec_====="}) {
    const auto key = parse_webhook_secret(text);
    ASSERT_FALSE(key.has_value()) << text;
    if (text.size() > 6) {
      EXPECT_EQ(key.error().text.find(text.substr(6)), std::string::npos) << key.error().text;
    }
  }
}

}  // namespace
}  // namespace sallyport
