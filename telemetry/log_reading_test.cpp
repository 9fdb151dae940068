#include "telemetry/log_filter.hpp"
#include "telemetry/log_reader.hpp"
#include "telemetry/ocsf.hpp"
#include "telemetry/record_text.hpp"
#include "telemetry/safe_text.hpp"
#include "telemetry/samples.hpp"
#include "telemetry/test_folder.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace sallyport {
namespace {

LogRecord record_of(const Event& event) {
  const ReadLine read = read_log_record(encode(event, 7, no_previous));
  EXPECT_TRUE(read.record.has_value());
  return read.record.value_or(LogRecord{});
}

bool is_fit_for_a_terminal(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

TEST(LogRecord, HasWhatWasWritten) {
  const LogRecord record = record_of(samples::full_connection());
  EXPECT_EQ(record.kind, RecordKind::close);
  EXPECT_EQ(record.agent, "release-bot");
  EXPECT_EQ(record.host, "api.github.com");
  EXPECT_EQ(record.port, 443);
  EXPECT_EQ(record.door, "attached");
  EXPECT_EQ(record.verdict, Action::allow);
  EXPECT_EQ(record.rule, "policy.yaml:12");
  EXPECT_EQ(record.traffic.in, 1000U);
  EXPECT_EQ(record.count, 12U);
  EXPECT_EQ(record.held, std::chrono::milliseconds(900));
  EXPECT_TRUE(record.tls && record.ech);
  EXPECT_EQ(record_of(samples::request("GET")).method, "GET");
  EXPECT_EQ(record_of(samples::question(3)).rcode, "NXDomain");
}

TEST(LogRecord, L_01_NoSentenceAndNoRowHoldsAControlCharacter) {
  for (const Event& event : samples::all()) {
    const LogRecord record = record_of(event);
    EXPECT_TRUE(is_fit_for_a_terminal(sentence(record))) << sentence(record);
    EXPECT_TRUE(is_fit_for_a_terminal(row_text(record))) << row_text(record);
  }
}

TEST(LogRecord, L_01_AHostThatIsNoNameIsQuoted) {
  LogRecord record;
  record.host = "evil\x1b[2J.example";
  record.port = 443;
  EXPECT_EQ(destination_text(record), "\"evil\\u001b[2J.example\":443");
}

TEST(LogRecord, RubbishAndOtherProgramsLinesAreNone) {
  for (const char* text : {"", "rubbish", "{", "[]", "null", "{}", R"({"metadata":{"sequence":1}})", "\xff\xfe",
                           R"({"metadata":{"sequence":-1},"unmapped":{"sallyport":{}}})"}) {
    EXPECT_FALSE(read_log_record(text).record.has_value()) << text;
  }
  EXPECT_TRUE(read_log_record("{}").json);
  EXPECT_FALSE(read_log_record("{").json);
}

TEST(LogRecord, WrongTypesAndHugeNumbersAreSurvived) {
  const auto read = read_log_record(
      R"({"class_uid":"x","time":1e300,"duration":18446744073709551615,"dst_endpoint":{"port":99999999,"hostname":7},)"
      R"("answers":[1,{"rdata":2}],"metadata":{"sequence":1},"unmapped":{"sallyport":{"verdict":3,"ech":"yes"}}})");
  ASSERT_TRUE(read.record.has_value());
  EXPECT_EQ(read.record->kind, RecordKind::other);
  EXPECT_FALSE(sentence(*read.record).empty());
}

TEST(SafeText, L_01_WhatCouldDeceiveIsEscaped) {
  EXPECT_EQ(shown("plain.example"), "plain.example");
  EXPECT_EQ(shown(""), "-");
  EXPECT_EQ(shown("two words"), "\"two words\"");
  EXPECT_EQ(in_quotes("\x1b]0;x\x07"), "\"\\u001b]0;x\\u0007\"");
  EXPECT_TRUE(is_fit_for_a_terminal(in_quotes(samples::hostile)));
}

TEST(SafeText, L_01_AJsonLineIsFitForATerminalAndMeansTheSame) {
  EXPECT_EQ(fit_for_terminal("{\"a\":\t\"\xc2\x9b"
                             "31m\xe2\x80\xae\"}"),
            "{\"a\": \"\\u009b31m\\u202e\"}");
  const std::string ours = encode(samples::full_connection(), 7, no_previous);
  EXPECT_EQ(fit_for_terminal(ours), ours);
}

TEST(SafeText, L_01_ACellIsNoFormula) {
  EXPECT_EQ(csv_field("=cmd()"), "\"'=cmd()\"");
  EXPECT_EQ(csv_field("+1"), "\"'+1\"");
  EXPECT_EQ(csv_field("-1"), "\"'-1\"");
  EXPECT_EQ(csv_field("@x"), "\"'@x\"");
  EXPECT_EQ(csv_field("\t=x\n"), "\\u0009=x\\u000a");
  EXPECT_EQ(csv_field("a,\"b\""), "\"a,\"\"b\"\"\"");
  EXPECT_EQ(csv_field("plain"), "plain");
}

TEST(SafeText, TimesAndSizesAreReadable) {
  const WallClock::time_point time{std::chrono::milliseconds(1'780'000'000'123)};
  EXPECT_EQ(time_text(time), "2026-05-28T20:26:40Z");
  EXPECT_EQ(time_text(time, Precise::yes), "2026-05-28T20:26:40.123Z");
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(3355443), "3.2 MiB");
  EXPECT_EQ(bytes_text(~0ULL), "16.0 EiB");
  EXPECT_EQ(duration_text(std::chrono::milliseconds(1549)), "1.5 s");
  EXPECT_EQ(duration_text(std::chrono::minutes(302)), "5 h 2 min");
}

TEST(SafeText, AMomentIsWrittenInManyWays) {
  const WallClock::time_point now{std::chrono::sys_days(std::chrono::year(2026) / 6 / 1) + std::chrono::hours(12)};
  const auto text = [&](const char* moment, Edge edge = Edge::begin) {
    const auto parsed = parse_moment(moment, now, edge);
    return parsed ? time_text(*parsed) : parsed.error().text;
  };
  EXPECT_EQ(text("now"), "2026-06-01T12:00:00Z");
  EXPECT_EQ(text("2h"), "2026-06-01T10:00:00Z");
  EXPECT_EQ(text("30m ago"), "2026-06-01T11:30:00Z");
  EXPECT_EQ(text("2026-05-01"), "2026-05-01T00:00:00Z");
  EXPECT_EQ(text("2026-05-01", Edge::end), "2026-05-02T00:00:00Z");
  EXPECT_EQ(text("2026-05-01T02:00:00+02:00", Edge::end), "2026-05-01T00:00:00Z");
  EXPECT_NE(text("yesterday").find("expected a time"), std::string::npos);
}

TEST(LogFilter, NamesHostsAsAPolicyDoes) {
  const auto hits = [](const char* pattern, const char* host) {
    LogFilter filter;
    EXPECT_TRUE(filter.set_host(pattern).has_value()) << pattern;
    LogRecord record;
    record.host = host;
    return filter.matches(record);
  };
  EXPECT_TRUE(hits("example.com", "example.com"));
  EXPECT_TRUE(hits("Example.COM", "example.com."));
  EXPECT_FALSE(hits("example.com", "a.example.com"));
  EXPECT_TRUE(hits("*.example.com", "a.b.example.com"));
  EXPECT_FALSE(hits("*.example.com", "example.com"));
  EXPECT_FALSE(hits("*.example.com", "badexample.com"));
  EXPECT_TRUE(hits("**.example.com", "example.com"));
  EXPECT_TRUE(hits("10.0.0.1", "10.0.0.1"));
  EXPECT_TRUE(hits("2001:db8::1", "2001:db8::1"));
  LogFilter filter;
  EXPECT_FALSE(filter.set_host("10.0.0.0/8").has_value());
  EXPECT_FALSE(filter.set_host("any").has_value());
  EXPECT_FALSE(filter.set_host("a b").has_value());
}

TEST(LogFilter, ARefusalWithoutAVerdictIsADeny) {
  LogFilter filter;
  filter.verdict = "deny";
  LogRecord record;
  EXPECT_FALSE(filter.matches(record));
  record.kind = RecordKind::refuse;
  EXPECT_TRUE(filter.matches(record));
}

class LogReading : public LogTest {};

TEST_F(LogReading, FilesAreFoundByFolderAndByCurrentFileInTheirOrder) {
  {
    auto log = open();
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(log->append(samples::connection(ConnectionEvent::Activity::refuse)));
    log->stop();
  }
  const auto lines = lines_of(options_.path);
  const std::string older = folder_ + "/log/audit.1.jsonl", other = folder_ + "/log/audit.10.jsonl";
  write_lines(older, {lines.begin(), lines.begin() + 9});
  write_lines(other, {lines.begin() + 9, lines.begin() + 10});
  write_lines(options_.path, {lines.begin() + 10, lines.end()});
  const std::vector<std::string> all{older, other, options_.path};
  EXPECT_EQ(find_log_files({folder_ + "/log"}).value(), all);
  EXPECT_EQ(find_log_files({options_.path}).value(), all);
  EXPECT_EQ(find_log_files({options_.path, older}).value(), all);
  EXPECT_EQ(find_log_files({older}).value(), std::vector<std::string>{older});
  EXPECT_FALSE(find_log_files({folder_ + "/none.jsonl"}).has_value());
  EXPECT_FALSE(find_log_files({folder_}).has_value());
  LogReader reader(all);
  std::uint64_t last = 0;
  while (reader.next()) EXPECT_EQ(reader.record()->sequence, ++last);
  EXPECT_EQ(last, 11U);
  EXPECT_TRUE(reader.odd().none());
}

TEST_F(LogReading, TornAndForeignLinesAreCountedAndPassedOver) {
  EXPECT_TRUE(open()->append(samples::connection(ConnectionEvent::Activity::refuse)));
  std::ofstream(options_.path, std::ios::app) << "rubbish\n{\"level\":\"info\"}\n"
                                              << std::string(3'000'000, 'x') << "\n{";
  LogReader reader({options_.path, folder_ + "/gone"});
  while (reader.next()) {
  }
  EXPECT_EQ(reader.records(), 2U);
  EXPECT_EQ(reader.odd().foreign, 1U);
  EXPECT_EQ(reader.odd().torn, 5U) << "a line of three megabytes is read in three pieces";
  EXPECT_EQ(reader.odd().unreadable.size(), 1U);
  EXPECT_NE(reader.odd().text().find("5 torn or broken lines and 1 line of another program"), std::string::npos);
}

}  // namespace
}  // namespace sallyport
