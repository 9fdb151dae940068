#include "telemetry/audit_report.hpp"

#include "telemetry/audit_export.hpp"
#include "telemetry/samples.hpp"
#include "telemetry/test_folder.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

namespace sallyport {
namespace {

using Activity = ConnectionEvent::Activity;

class ReportTest : public LogTest {
 protected:
  void write(const std::vector<Event>& events) {
    auto log = open();
    for (const Event& event : events) EXPECT_TRUE(log->append(event));
    log->stop();
  }
  AuditReport report() { return make_report({options_.path}, {folder_ + "/audit.pub", std::nullopt}, LogFilter{}); }
  static ConnectionEvent at(Activity activity, std::chrono::seconds after, const std::string& host = "a.example") {
    ConnectionEvent event = samples::connection(activity);
    event.origin.time += after;
    event.origin.host = host;
    return event;
  }
};

TEST_F(ReportTest, CountsWhatAnAgentReachedAndByWhat) {
  ConnectionEvent refused = at(Activity::refuse, std::chrono::minutes(4), "b.example");
  refused.origin.verdict->action = Action::deny;
  refused.count = 7;
  write({at(Activity::open, std::chrono::minutes(0)), at(Activity::traffic, std::chrono::minutes(1)),
         at(Activity::close, std::chrono::minutes(2)), refused});
  const AuditReport made = report();
  ASSERT_EQ(made.agents.count("release-bot"), 1U);
  const auto& destinations = made.agents.at("release-bot").destinations;
  const DestinationUse& reached = destinations.at({"a.example", 443});
  EXPECT_EQ(reached.connections, 1U);
  EXPECT_EQ(reached.traffic.in, 3000U) << "each record tells what passed since the one before";
  EXPECT_EQ(reached.let_by.counts.at("rule policy.yaml:12"), 1U);
  EXPECT_EQ(*reached.seen.last - *reached.seen.first, std::chrono::minutes(2));
  EXPECT_EQ(destinations.at({"b.example", 443}).refused, 7U);
}

TEST_F(ReportTest, ARefusedRequestAndItsConnectionAreOneRefusal) {
  HttpEvent request = samples::request("POST");
  request.origin.verdict->action = Action::deny;
  request.origin.correlation = "c-9";
  ConnectionEvent refused = samples::connection(Activity::refuse, "c-9");
  refused.origin.verdict->action = Action::deny;
  write({request, refused, samples::connection(Activity::refuse, "c-10")});
  EXPECT_EQ(report().agents.at("release-bot").destinations.at({"api.github.com", 443}).refused, 2U);
}

TEST_F(ReportTest, NamesThePersonWhoseAnswerLetSomethingThrough) {
  ApiEvent api;
  api.operation = "approvals.approve";
  api.actor = "alice";
  api.approval = "ap-1";
  ConnectionEvent open = at(Activity::open, std::chrono::minutes(0));
  open.origin.verdict->decided_by = DecidedBy::grant;
  open.origin.approval = "ap-1";
  write({at(Activity::hold, std::chrono::minutes(0)), api, open});
  const AuditReport made = report();
  EXPECT_EQ(
      made.agents.at("release-bot").destinations.at({"a.example", 443}).let_by.counts.count("approval ap-1 by alice"),
      1U);
  EXPECT_EQ(made.people.list.size(), 1U);
}

TEST_F(ReportTest, SaysFirstWhetherTheChainHolds) {
  write({at(Activity::open, std::chrono::minutes(0)), at(Activity::close, std::chrono::minutes(1))});
  EXPECT_NE(report_text(report()).find("Chain:    WHOLE, and signed up to sequence 2"), std::string::npos);
  auto lines = lines_of(options_.path);
  lines.erase(lines.begin() + 1);
  write_lines(options_.path, lines);
  EXPECT_NE(report_text(report()).find("Chain:    NOT WHOLE"), std::string::npos);
}

TEST_F(ReportTest, L_01_EveryKindOfRecordMakesAPageAndAnObjectFitForATerminal) {
  write(samples::all());
  const std::string page = report_text(report()), object = report_json(report());
  for (const char c : page + object) ASSERT_TRUE((c >= 0x20 && c < 0x7f) || c == '\n') << page;
  EXPECT_TRUE(boost::json::parse(object).as_object().at("chain").as_object().at("whole").as_bool());
}

TEST_F(ReportTest, MemoryIsBoundedHoweverManyNamesAnAgentInvents) {
  auto log = open();
  for (int i = 0; i < 20'500; ++i) {
    const std::string host = "n" + std::to_string(i) + ".example";
    EXPECT_TRUE(log->append(at(Activity::refuse, std::chrono::minutes(0), host)));
    if (i % 4000 == 0) log->flush();
  }
  log->stop();
  const AuditReport made = report();
  const AgentUse& agent = made.agents.at("release-bot");
  EXPECT_EQ(agent.destinations.size(), 20'000U);
  EXPECT_EQ(agent.others->refused, 500U);
}

class ExportTest : public ReportTest {
 protected:
  void SetUp() override {
    std::vector<Event> events;
    for (int i = 0; i < 10; ++i) events.push_back(at(Activity::refuse, std::chrono::seconds(20 * i)));
    write(events);
    start_ = samples::origin().time;
  }
  std::string exported(const ExportRange& range) {
    std::ostringstream out;
    EXPECT_TRUE(export_lines({options_.path}, range, out));
    return out.str();
  }
  WallClock::time_point start_;
};

TEST_F(ExportTest, APartOfALogStillVerifies) {
  LogFilter filter;
  filter.since = start_ + std::chrono::minutes(1);
  filter.until = start_ + std::chrono::minutes(2);
  const auto range = find_range({options_.path}, filter);
  ASSERT_TRUE(range.has_value());
  EXPECT_EQ(range->first_sequence, 4U);
  EXPECT_EQ(range->last_sequence, 11U) << "on to the checkpoint";
  EXPECT_TRUE(range->ends_signed);
  const std::string part = folder_ + "/part.jsonl";
  std::ofstream(part) << exported(*range);
  const VerifyReport verified =
      verify({part}, {folder_ + "/audit.pub", std::nullopt, Beginning::parse(range->before.text())});
  EXPECT_TRUE(verified.whole()) << problems(verified);
  EXPECT_EQ(verified.signed_up_to, 10U);
  EXPECT_FALSE(verify({part}, {}).whole()) << "a part whose beginning nobody vouches for";
}

TEST_F(ExportTest, TornAndOverlongLinesAreExportedAsTheyStand) {
  auto lines = lines_of(options_.path);
  lines.insert(lines.begin() + 2, std::string(2'500'000, 'x'));
  lines.insert(lines.begin() + 2, "torn");
  write_lines(options_.path, lines);
  std::ofstream(options_.path, std::ios::app) << lines.front();
  const auto range = find_range({options_.path}, LogFilter{});
  ASSERT_TRUE(range.has_value());
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  EXPECT_EQ(exported(*range) == all, true) << "all whole lines, and not the one without a newline";
}

TEST_F(ExportTest, NothingInThatTimeIsNoRange) {
  LogFilter filter;
  filter.until = start_ - std::chrono::hours(1);
  EXPECT_FALSE(find_range({options_.path}, filter).has_value());
}

TEST_F(ExportTest, L_01_CsvHasALineARecordAndNoFormula) {
  write({at(Activity::refuse, std::chrono::minutes(1), "=cmd|calc")});
  std::ostringstream out;
  OddLines odd;
  LogFilter filter;
  filter.verdict = "allow";
  EXPECT_EQ(export_csv({options_.path}, filter, out, odd).value_or(0), 11U);
  EXPECT_TRUE(odd.none());
  EXPECT_NE(out.str().find(",\"'=cmd|calc\",443,"), std::string::npos);
  const std::string text = out.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 12);
}

}  // namespace
}  // namespace sallyport
