#include "proxy/config.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

std::string complaints(std::string_view text) {
  const auto config = parse_config(text, "sallyport.yaml");
  if (config) return "";
  std::string all;
  for (const auto& complaint : config.error()) all += complaint.text + "\n";
  return all;
}

TEST(Config, EveryKeyHasADefault) {
  const auto config = parse_config("{}", "sallyport.yaml");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->proxy.at(0).text(), "127.0.0.1:3128");
  EXPECT_EQ(config->dns_listen.at(0).text(), "127.0.0.1:15053");
  EXPECT_EQ(config->dns.pool4.text(), "198.18.0.0/15");
  EXPECT_EQ(config->audit.on_failure, OnFailure::block);
}

TEST(Config, WhatIsSentLeavesByTheParentProxyButToThisMachine) {
  const auto config = parse_config(
      "upstream_proxy: { url: 'http://proxy.test:3128', http: connect, except: ['*.near.test'] }\n"
      "telemetry: { otlp: { endpoint: 'http://collector.test:4318' } }\n"
      "approvals:\n"
      "  notify:\n"
      "    - { webhook: 'https://a.near.test/', format: slack }\n"
      "    - { webhook: 'https://localhost/', format: slack }\n"
      "    - { webhook: 'https://far.test/', format: slack }\n",
      "sallyport.yaml");
  ASSERT_TRUE(config.has_value());
  ASSERT_TRUE(config->otlp->parent.has_value());
  EXPECT_EQ(config->otlp->parent->at.text(), "proxy.test:3128");
  EXPECT_FALSE(config->otlp->parent->absolute_form);
  const auto& webhooks = config->approvals.notify.webhooks;
  EXPECT_FALSE(webhooks.at(0).endpoint.parent.has_value());
  EXPECT_FALSE(webhooks.at(1).endpoint.parent.has_value());
  EXPECT_TRUE(webhooks.at(2).endpoint.parent.has_value());
}

TEST(Config, ReadsListsOfListenersAndTheTransparentModes) {
  const auto config = parse_config(
      "listen:\n  proxy: [\"127.0.0.1:1\", \"[::1]:2\"]\n  dns: \"[::]:53\"\n"
      "  transparent: [\"[::]:3\", { address: \"0.0.0.0:4\", mode: tproxy }]\n",
      "sallyport.yaml");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->proxy.at(1).text(), "[::1]:2");
  EXPECT_EQ(config->transparent.at(0).steering, Steering::redirect);
  EXPECT_EQ(config->transparent.at(1).steering, Steering::tproxy);
}

TEST(Config, NamesTheLineOfAnUnknownKeyAndWhatWasMeant) {
  const std::string said = complaints("timeouts:\n  sniff: 3s\n  idel: 10m\n");
  EXPECT_NE(said.find("sallyport.yaml:3:3"), std::string::npos) << said;
  EXPECT_NE(said.find("'idle'"), std::string::npos) << said;
}

TEST(Config, TellsEveryComplaintAtOnce) {
  const std::string said =
      complaints("threads: none\nlimits: { per_agent: many, rate_per_agent: 5 }\nlisten: { proxy: localhost }\n");
  EXPECT_NE(said.find("threads"), std::string::npos) << said;
  EXPECT_NE(said.find("per_agent"), std::string::npos) << said;
  EXPECT_NE(said.find("200/s"), std::string::npos) << said;
  EXPECT_NE(said.find("ADDRESS:PORT"), std::string::npos) << said;
}

TEST(Config, RefusesAKeyItCouldNotKeepItsWordOn) {
  EXPECT_NE(complaints("inspect: { ca: { cert: ca.pem } }\n"), "");
  EXPECT_NE(complaints("inspect: { mode: all }\n"), "");
  EXPECT_NE(complaints("approvals: { timeout: 0s }\n"), "");
  EXPECT_NE(complaints("approvals: { store: postgres }\n"), "");
  EXPECT_NE(complaints("listen: { admin: 127.0.0.1:1 }\n"), "");
  EXPECT_NE(complaints("gateway: { check: own }\n"), "");
  EXPECT_NE(complaints("gateway: { interfaces: [br0] }\nlisten: { dns: \"[::]:1\" }\n"), "");
}

TEST(Config, FindsAnOwnCaBesideTheFileAndWantsBothItsFiles) {
  const auto config = parse_config("inspect: { ca: { cert: ca.pem, key: /keys/ca.key }, roots: [] }\n",
                                   "/etc/sallyport/sallyport.yaml");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->inspect.ca_cert, "/etc/sallyport/ca.pem");
  EXPECT_EQ(config->inspect.ca_key, "/keys/ca.key");
  const std::string said = complaints("inspect:\n  ca: { key: ca.key }\n");
  EXPECT_NE(said.find("sallyport.yaml:2:"), std::string::npos) << said;
  EXPECT_NE(said.find("cert: FILE, key: FILE"), std::string::npos) << said;
}

TEST(Config, TakesNoFileWithoutCertificatesForRoots) {
  const std::string said = complaints("inspect:\n  roots: [/dev/null]\n");
  EXPECT_NE(said.find("sallyport.yaml:2:"), std::string::npos) << said;
  EXPECT_NE(said.find("/dev/null holds no certificates"), std::string::npos) << said;
}

TEST(Config, ReadsTheCollectorAndTheHeadersToRecord) {
  const auto config = parse_config(
      "telemetry:\n  otlp: { endpoint: http://10.1.2.3:4318 }\n  audit: { headers: [Accept, x-request-id] }\n",
      "sallyport.yaml");
  ASSERT_TRUE(config) << config.error().front().text;
  ASSERT_TRUE(config->otlp);
  EXPECT_EQ(config->otlp->url.origin(), "http://10.1.2.3:4318");
  EXPECT_EQ(config->audit.headers, (std::vector<std::string>{"accept", "x-request-id"}));
  EXPECT_FALSE(parse_config("{}", "sallyport.yaml")->otlp);
}

TEST(Config, NamesThePlaceOfABadHeaderAndOfABadCollector) {
  const std::string header = complaints("telemetry:\n  audit:\n    headers: [accept, \"x request\"]\n");
  EXPECT_NE(header.find("sallyport.yaml:3:23"), std::string::npos) << header;
  const std::string collector = complaints("telemetry:\n  otlp: { endpoint: \"127.0.0.1:4318\" }\n");
  EXPECT_NE(collector.find("sallyport.yaml:2:9"), std::string::npos) << collector;
  EXPECT_NE(complaints("telemetry: { otlp: { endpoint: \"https://a\", ca: no-such-file } }\n"), "");
  EXPECT_NE(complaints("telemetry: { otlp: { endpiont: \"https://a\" } }\n"), "");
}

TEST(Config, F_01_ReadsNoFileThatIsNotThere) {
  const auto config = load_config("no-such-folder/sallyport.yaml");
  ASSERT_FALSE(config);
  EXPECT_NE(config.error().at(0).text.find("no-such-folder/sallyport.yaml"), std::string::npos);
}

}  // namespace
}  // namespace sallyport
