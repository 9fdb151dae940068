#include "telemetry/otlp.hpp"

#include "telemetry/json_read.hpp"
#include "telemetry/ocsf.hpp"
#include "telemetry/samples.hpp"

#include <gtest/gtest.h>

#include <map>

namespace sallyport {
namespace {

using boost::json::value;

std::string line_of(const Event& event) {
  return encode(event, 7, std::string(64, '0'));
}

value sent(const std::vector<std::string>& lines) {
  std::vector<ObservedLine> observed;
  observed.reserve(lines.size());
  for (const auto& line : lines) observed.push_back({line, WallClock::time_point(std::chrono::milliseconds(5))});
  return boost::json::parse(otlp_logs({"instance-1"}, observed));
}

value only_record(const Event& event) {
  const auto all = sent({line_of(event)});
  return all.at("resourceLogs").at(0).at("scopeLogs").at(0).at("logRecords").at(0);
}

// Every attribute as text, whatever its kind.
std::map<std::string, std::string> attributes(const value& of) {
  std::map<std::string, std::string> out;
  for (const auto& one : of.at("attributes").as_array()) {
    const auto& held = one.at("value").as_object();
    EXPECT_EQ(held.size(), 1U);
    const auto& inner = held.begin()->value();
    const std::string key(one.at("key").as_string().c_str());
    EXPECT_EQ(out.count(key), 0U) << key << " stands twice";
    out[key] = inner.is_string() ? std::string(inner.as_string().c_str()) : boost::json::serialize(inner);
  }
  return out;
}

TEST(Otlp, EverySampleIsALogRecordWithItsLineAsItsBody) {
  std::vector<std::string> lines;
  for (const auto& event : samples::all()) lines.push_back(line_of(event));
  const auto all = sent(lines);
  const auto& records = all.at("resourceLogs").at(0).at("scopeLogs").at(0).at("logRecords").as_array();
  ASSERT_EQ(records.size(), lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(records[i].at("body").at("stringValue").as_string(), lines[i]);
    EXPECT_TRUE(records[i].at("eventName").as_string().starts_with("sallyport."));
    EXPECT_GE(records[i].at("severityNumber").as_int64(), 9);
    EXPECT_EQ(records[i].at("observedTimeUnixNano").as_string(), "5000000");
    static_cast<void>(attributes(records[i]));
  }
}

TEST(Otlp, TheResourceNamesTheService) {
  const auto all = sent({});
  const auto resource = attributes(all.at("resourceLogs").at(0).at("resource"));
  EXPECT_EQ(resource.at("service.name"), "sallyport");
  EXPECT_EQ(resource.at("service.version"), SALLYPORT_VERSION);
  EXPECT_EQ(resource.at("service.instance.id"), "instance-1");
}

TEST(Otlp, AConnectionHasItsEndpointsByTheConventionsNames) {
  auto event = samples::connection(ConnectionEvent::Activity::open);
  event.tls = TlsFacts{"api.github.com", "1.3", {}, false, ""};
  const auto record = only_record(event);
  EXPECT_EQ(record.at("eventName").as_string(), "sallyport.connection.open");
  EXPECT_EQ(record.at("timeUnixNano").as_string(), "1780000000123000000");
  const auto found = attributes(record);
  EXPECT_EQ(found.at("network.transport"), "tcp");
  EXPECT_EQ(found.at("client.address"), "10.20.0.7");
  EXPECT_EQ(found.at("server.address"), "api.github.com");
  EXPECT_EQ(found.at("server.port"), "443");
  EXPECT_EQ(found.at("network.peer.address"), "140.82.112.6");
  EXPECT_EQ(found.at("tls.client.server_name"), "api.github.com");
  EXPECT_EQ(found.at("sallyport.agent"), "release-bot");
  EXPECT_EQ(found.at("sallyport.correlation"), "c-1");
  EXPECT_EQ(found.count("error.type"), 0U);
}

TEST(Otlp, ARefusalIsAWarningWithAnErrorTypeOfFewValues) {
  auto event = samples::connection(ConnectionEvent::Activity::refuse);
  event.origin.verdict->action = Action::deny;
  event.origin.verdict->decided_by = DecidedBy::guard;
  const auto record = only_record(event);
  EXPECT_GE(record.at("severityNumber").as_int64(), 13);
  EXPECT_EQ(attributes(record).at("error.type"), "refused_by_guard");
}

TEST(Otlp, L_03_ARequestHasNoQueryAndNoCredentials) {
  const auto record = only_record(samples::request("GET"));
  EXPECT_EQ(boost::json::serialize(record).find("hunter2"), std::string::npos);
  const auto found = attributes(record);
  EXPECT_EQ(found.at("http.request.method"), "GET");
  EXPECT_EQ(found.at("http.response.status_code"), "200");
  EXPECT_EQ(found.at("url.scheme"), "https");
  EXPECT_NE(found.at("http.request.header.authorization").find("[redacted]"), std::string::npos);
  EXPECT_EQ(found.count("http.request.header.accept"), 1U);
}

TEST(Otlp, AnUnknownMethodIsOtherAndItsTextIsKept) {
  const auto found = attributes(only_record(samples::request("BREW")));
  EXPECT_EQ(found.at("http.request.method"), "_OTHER");
  EXPECT_EQ(found.at("http.request.method_original"), "BREW");
}

TEST(Otlp, AQuestionHasItsNameAndItsAnswers) {
  auto facts = samples::question_facts(3);
  facts.name = "a.example";
  const auto found = attributes(only_record(told_once(facts)));
  EXPECT_EQ(found.at("dns.question.name"), "a.example");
  EXPECT_EQ(found.at("error.type"), "NXDomain");
  EXPECT_NE(found.at("dns.answers").find("198.18.0.1"), std::string::npos);
}

TEST(Otlp, L_09_ATraceIsTakenOnlyFromAWholeTraceparent) {
  auto event = samples::connection(ConnectionEvent::Activity::open);
  event.origin.context = AgentContext{"s", "t", "bash", "", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"};
  const auto record = only_record(event);
  EXPECT_EQ(record.at("traceId").as_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(record.at("spanId").as_string(), "00f067aa0ba902b7");
  EXPECT_EQ(record.at("flags").as_int64(), 1);
  EXPECT_EQ(attributes(record).at("gen_ai.tool.name"), "bash");
  for (const char* bad : {"", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "mine",
                          "00-4bf92f3577b34da6a3ce929d0e0e473\"-00f067aa0ba902b7-01"}) {
    event.origin.context->traceparent = bad;
    EXPECT_FALSE(only_record(event).as_object().contains("traceId")) << bad;
  }
}

TEST(Otlp, ALineThatIsNoJsonIsStillSent) {
  const auto all = sent({"torn {"});
  const auto& record = all.at("resourceLogs").at(0).at("scopeLogs").at(0).at("logRecords").at(0);
  EXPECT_EQ(record.at("body").at("stringValue").as_string(), "torn {");
}

TEST(Otlp, AReplySaysWhatWasNotTaken) {
  EXPECT_EQ(partial_of("").rejected, 0U);
  EXPECT_EQ(partial_of("{}").rejected, 0U);
  EXPECT_EQ(partial_of(R"({"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"why"}})").rejected, 3U);
  EXPECT_EQ(partial_of(R"({"partialSuccess":{"rejectedLogRecords":2}})").rejected, 2U);
}

TEST(Counters, L_02_CountWithoutAHostName) {
  EventCounters counters;
  for (const auto& event : samples::all()) counters.add(event);
  auto refused = samples::connection(ConnectionEvent::Activity::refuse);
  refused.count = 40;
  counters.add(refused);
  double refusals = 0;
  for (const auto& measure : counters.measures()) {
    EXPECT_FALSE(measure.help.empty()) << measure.name;
    for (const auto& [key, text] : measure.labels) {
      EXPECT_EQ(text.find("example"), std::string::npos) << key;
      EXPECT_EQ(text.find("github"), std::string::npos) << key;
      if (measure.name == "sallyport_connections_total" && text == "deny") refusals += measure.value;
    }
  }
  EXPECT_EQ(refusals, 42);
}

TEST(Counters, AreSumsForOtlp) {
  EventCounters counters;
  counters.add(samples::connection(ConnectionEvent::Activity::close));
  const auto at = [](int ms) { return WallClock::time_point(std::chrono::milliseconds(ms)); };
  const auto all = boost::json::parse(otlp_metrics({"i"}, counters.measures(), at(1), at(2)));
  const auto& metrics = all.at("resourceMetrics").at(0).at("scopeMetrics").at(0).at("metrics").as_array();
  ASSERT_EQ(metrics.size(), 2U);
  const auto& bytes = metrics[1];
  EXPECT_EQ(bytes.at("name").as_string(), "sallyport.network.io");
  EXPECT_EQ(bytes.at("unit").as_string(), "By");
  EXPECT_EQ(bytes.at("sum").at("aggregationTemporality").as_int64(), 2);
  const auto& points = bytes.at("sum").at("dataPoints").as_array();
  ASSERT_EQ(points.size(), 2U);
  EXPECT_EQ(attributes(points[0]).at("network.io.direction"), "receive");
  EXPECT_EQ(points[0].at("asInt").as_string(), "1000");
  EXPECT_EQ(points[0].at("startTimeUnixNano").as_string(), "1000000");
}

}  // namespace
}  // namespace sallyport
