#include "proxy/gateway_command.hpp"

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport {
namespace {

using testing::HasSubstr;

struct Result {
  int status;
  std::string output;
  std::string complaint;
};

Result run(const std::string& command) {
  CLI::App application;
  int status = -1;
  add_gateway_command(application, status);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  application.parse(command);
  const std::string output = testing::internal::GetCapturedStdout();
  return {status, output, testing::internal::GetCapturedStderr()};
}

TEST(GatewayCommand, PrintsTheRulesOfAllInterfacesAndAgents) {
  const Result printed = run("gateway print --interface a0 a1 --agents 10.0.0.0/8 --agents fd00::/8 --host-port 3128");
  EXPECT_EQ(printed.status, 0);
  EXPECT_THAT(printed.output, HasSubstr("iifname { \"a0\", \"a1\" }"));
  EXPECT_THAT(printed.output, HasSubstr("ip saddr != { 10.0.0.0/8 }"));
  EXPECT_THAT(printed.output, HasSubstr("ip6 saddr != { fd00::/8 }"));
  EXPECT_THAT(printed.output, HasSubstr("tcp dport { 3128 } accept"));
}

TEST(GatewayCommand, PrintsAUnitThatAppliesTheSame) {
  const Result printed = run("gateway print --unit --interface a0 --tproxy --transparent-port 7000 --dns-port 7001");
  EXPECT_EQ(printed.status, 0);
  EXPECT_THAT(printed.output,
              HasSubstr(" gateway apply --interface a0 --transparent-port 7000 --dns-port 7001 --tproxy"));
}

TEST(GatewayCommand, CallsABadPlanWrongUsage) {
  for (const char* command : {"gateway apply --interface lo", "gateway print --interface a0 --agents 10.0.0.1/8",
                              "gateway apply --interface a0 --dns-port 15001"}) {
    const Result refused = run(command);
    EXPECT_EQ(refused.status, 2) << command;
    EXPECT_THAT(refused.complaint, HasSubstr("sallyport gateway: ")) << command;
    EXPECT_EQ(refused.output, "");
  }
}

}  // namespace
}  // namespace sallyport
