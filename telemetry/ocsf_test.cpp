#include "telemetry/ocsf.hpp"

#include "telemetry/samples.hpp"
#include "telemetry/schema.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace sallyport {
namespace {

std::string line_of(const Event& event) {
  return encode(event, 7, no_previous);
}

TEST(Ocsf, SaysHowOftenAQuestionWasRepeatedAndFromWhenToWhen) {
  const std::string line = encode(samples::repeated_question(), 1, std::string(64, '0'));
  EXPECT_NE(line.find(R"("count":7,"start_time":1780000000123,"end_time":1780000000273)"), std::string::npos) << line;
}

TEST(Ocsf, L_01_HostileTextStaysOneLineOfPlainJson) {
  for (const Event& event : samples::all()) {
    const std::string line = line_of(event);
    boost::system::error_code error;
    boost::json::parse(line, error);
    EXPECT_FALSE(error) << line;
    for (const char c : line) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << line;
  }
}

TEST(Ocsf, L_01_EscapesNameWhatWasThere) {
  DnsFacts facts = samples::question_facts(0);
  facts.name = "a\n\x7f\xe2\x80\xa8\xff\"";
  EXPECT_NE(line_of(told_once(facts)).find(R"("hostname":"a\u000a\u007f\u2028\\xff\"")"), std::string::npos);
}

TEST(Ocsf, AnAgentsTextIsBoundedAndSoIsTheLine) {
  HttpEvent event = samples::request("GET");
  event.path = "/" + std::string(1'000'000, '\n');
  event.headers.assign(1000, {std::string(100'000, '\xff'), std::string(100'000, '\x01')});
  event.origin.context = AgentContext{std::string(100'000, 'a'), {}, {}, {}, {}};
  EXPECT_LT(line_of(event).size(), 65536U);
}

TEST(Ocsf, L_03_NoSecretsAreLogged) {
  HttpEvent event = samples::request("GET");
  event.headers.emplace_back("Set-Cookie", "hunter2");
  EXPECT_EQ(line_of(event).find("hunter2"), std::string::npos);
  event.path = "http://user:hunter2@host/";
  EXPECT_EQ(line_of(event).find("hunter2"), std::string::npos);
}

TEST(Ocsf, L_04_WhatIsKnownOfAFailureIsKept) {
  ConnectionEvent event;
  event.activity = ConnectionEvent::Activity::refuse;
  event.tls = TlsFacts{"only.sni.example", "", {}, false, ""};
  const std::string line = line_of(event);
  EXPECT_NE(line.find(R"("sni":"only.sni.example")"), std::string::npos);
  EXPECT_EQ(line.find(R"("tls":)"), std::string::npos);
  EXPECT_NE(line.find(R"("type_uid":400105)"), std::string::npos);
}

TEST(Ocsf, L_07_TrafficHasDeltasAndTotals) {
  ConnectionEvent event = samples::connection(ConnectionEvent::Activity::traffic);
  event.cumulative = Traffic{9000, 800};
  const std::string line = line_of(event);
  EXPECT_NE(line.find(R"("traffic":{"bytes_in":1000,"bytes_out":200})"), std::string::npos);
  EXPECT_NE(line.find(R"("cumulative_traffic":{"bytes_in":9000,"bytes_out":800})"), std::string::npos);
}

TEST(Ocsf, AHeldConnectionIsDelayedThenApproved) {
  ConnectionEvent event = samples::connection(ConnectionEvent::Activity::hold);
  EXPECT_NE(line_of(event).find(R"("disposition_id":14)"), std::string::npos);
  event.activity = ConnectionEvent::Activity::open;
  event.held = std::chrono::milliseconds(1);
  EXPECT_NE(line_of(event).find(R"("disposition_id":8)"), std::string::npos);
}

TEST(Ocsf, TheSchemaIsInTheBinary) {
  boost::system::error_code error;
  boost::json::parse(audit_schema(), error);
  EXPECT_FALSE(error);
}

// schema_check.py reads what this writes.
TEST(Samples, AreWritten) {
  const char* wanted = std::getenv("SALLYPORT_SAMPLES");
  const std::string path = wanted ? wanted : testing::TempDir() + "sallyport-samples-" + std::to_string(::getpid());
  const std::string key_path = path + ".key";
  const auto key = SigningKey::open(key_path);
  ASSERT_TRUE(key.has_value());
  std::ofstream out(path);
  std::uint64_t sequence = 0;
  for (const Event& event : samples::all()) out << encode(event, ++sequence, no_previous) << '\n';
  out << encode(key->sign({1, std::string(no_previous)}), WallClock::now(), ++sequence, no_previous) << '\n';
  out.close();
  EXPECT_TRUE(out.good());
  if (wanted) return;
  for (const std::string& file : {path, key_path, path + ".pub"}) std::filesystem::remove(file);
}

}  // namespace
}  // namespace sallyport
