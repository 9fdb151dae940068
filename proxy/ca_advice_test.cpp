#include "proxy/ca_advice.hpp"

#include <gmock/gmock.h>

namespace sallyport {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(CaAdvice, NamesTheFileForEveryProgram) {
  for (const auto& name : ca_advice_names()) {
    const auto advice = ca_advice(name, "/etc/ca.pem");
    ASSERT_TRUE(advice) << name;
    EXPECT_THAT(advice->text, HasSubstr("/etc/ca.pem")) << name;
    EXPECT_THAT(advice->text, Not(HasSubstr(" FILE"))) << name;
    EXPECT_EQ(advice->text.back(), '\n') << name;
  }
  EXPECT_FALSE(ca_advice("nothing", "/etc/ca.pem"));
}

TEST(CaAdvice, KeepsTheNamesOfVariables) {
  EXPECT_THAT(ca_advice("go", "/etc/ca.pem")->text, HasSubstr("SSL_CERT_FILE=/etc/ca.pem"));
}

TEST(CaAdvice, QuotesAPathForTheShell) {
  EXPECT_THAT(ca_advice("curl", "/tmp/it's a.pem")->text, HasSubstr("CURL_CA_BUNDLE='/tmp/it'\\''s a.pem'"));
}

TEST(CaAdvice, GivesTheBundleToThoseWhoReplaceWhatTheyTrust) {
  for (const char* name : {"curl", "git", "python", "go", "rust", "apt"}) {
    EXPECT_EQ(ca_advice(name, "x")->file, CaFile::bundle) << name;
  }
  for (const char* name : {"node", "java", "debian", "chromium"}) {
    EXPECT_EQ(ca_advice(name, "x")->file, CaFile::authority) << name;
  }
}

}  // namespace
}  // namespace sallyport
