#include "telemetry/secret_header.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

TEST(SecretHeader, L_03_IsRedactedByItsName) {
  for (const char* name : {"Authorization", "proxy-authorization", "COOKIE", "Set-Cookie", "X-Api-Key", "apikey",
                           "Private-Token", "X-Amz-Security-Token", "X-Hub-Signature-256", "X-Client-Secret"})
    EXPECT_EQ(without_secrets(name, "hunter2"), "[redacted]") << name;
}

TEST(SecretHeader, L_03_IsRedactedByWhatItsValueLooksLike) {
  for (const char* value :
       {"Bearer hunter2", "basic dXNlcjpodW50ZXIy", "ghp_short", "sk-ant-short", "eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
        "key=eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "AbCdEfGh0123456789AbCdEfGh0123456789", "https://user:hunter2@a.example/"})
    EXPECT_EQ(without_secrets("X-Other", value), "[redacted]") << value;
}

TEST(SecretHeader, LeavesOrdinaryValuesAsTheyAre) {
  for (const char* value :
       {"", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"})
    EXPECT_EQ(without_secrets("X-Request-Id", value), value);
}

TEST(SecretHeader, L_03_OfAUrlNoQueryStays) {
  EXPECT_EQ(without_secrets("Referer", "https://a.example/b?code=hunter2"), "https://a.example/b");
  EXPECT_EQ(without_secrets("Referer", "https://a.example/b#code=hunter2"), "https://a.example/b");
}

}  // namespace
}  // namespace sallyport
