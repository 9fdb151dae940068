#include "proxy/run_trust.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

namespace sallyport {
namespace {

using testing::Contains;
using testing::EndsWith;
using testing::StartsWith;

TEST(RunTrust, AddsTheCaToWhatAProgramTrustsAlready) {
  const std::string own = testing::TempDir() + "sallyport-own-roots.pem";
  std::ofstream(own) << "their own root";
  SandboxPlan plan;
  plan.environment = {"HOME=/", "CURL_CA_BUNDLE=" + own, "NODE_EXTRA_CA_CERTS=/no/such/file"};
  trust_inside(plan, "our root\n");
  std::filesystem::remove(own);
  const std::map<std::string, std::string> files(plan.files.begin(), plan.files.end());
  EXPECT_EQ(files.at("CURL_CA_BUNDLE.pem"), "their own root\nour root\n");
  EXPECT_EQ(files.at("NODE_EXTRA_CA_CERTS.pem"), "our root\n");
  EXPECT_THAT(files.at("SSL_CERT_FILE.pem"), EndsWith("our root\n"));
  EXPECT_THAT(plan.environment, Contains(StartsWith("HOME=/")));
  EXPECT_THAT(plan.environment, Contains("CURL_CA_BUNDLE=" + std::string(own_files) + "/CURL_CA_BUNDLE.pem"));
  EXPECT_THAT(plan.environment, Contains("SSL_CERT_FILE=" + std::string(own_files) + "/SSL_CERT_FILE.pem"));
}

}  // namespace
}  // namespace sallyport
