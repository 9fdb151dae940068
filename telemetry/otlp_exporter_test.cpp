#include "telemetry/otlp_exporter.hpp"

#include "telemetry/audit_log.hpp"
#include "telemetry/json_read.hpp"
#include "telemetry/samples.hpp"
#include "telemetry/test_folder.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

namespace sallyport {
namespace {

using std::chrono::milliseconds;

// A collector in the test's hands: answers with `answer`, or hangs until it is interrupted.
struct Collector {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::vector<std::string>> batches;  // of bodies, those that were taken or refused
  std::vector<std::string> metrics;
  std::function<Outcome<OtlpReply>(unsigned tries)> answer = [](unsigned) { return OtlpReply{200, "{}", {}}; };
  bool hangs = false, interrupted = false;
  unsigned tries = 0;

  std::size_t taken() {
    std::size_t all = 0;
    for (const auto& batch : batches) all += batch.size();
    return all;
  }
  bool wait(const std::function<bool()>& until) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(10), until);
  }
};

class FakeTransport : public OtlpTransport {
 public:
  explicit FakeTransport(Collector& collector) : collector_(collector) {}
  Outcome<OtlpReply> post(const std::string& path, const std::string& body) override {
    std::unique_lock lock(collector_.mutex);
    if (path == "/v1/metrics") {
      collector_.metrics.push_back(body);
      collector_.changed.notify_all();
      return OtlpReply{200, "{}", {}};
    }
    ++collector_.tries;
    collector_.changed.notify_all();
    if (collector_.hangs) collector_.changed.wait(lock, [this] { return collector_.interrupted; });
    if (collector_.interrupted) return Complaint{"stopping"};
    auto reply = collector_.answer(collector_.tries);
    if (reply && reply->status == 200) collector_.batches.push_back(bodies(body));
    collector_.changed.notify_all();
    return reply;
  }
  void interrupt() override {
    const std::lock_guard lock(collector_.mutex);
    collector_.interrupted = true;
    collector_.changed.notify_all();
  }

 private:
  static std::vector<std::string> bodies(const std::string& text) {
    std::vector<std::string> out;
    const auto all = boost::json::parse(text);
    for (const auto& one : all.at("resourceLogs").at(0).at("scopeLogs").at(0).at("logRecords").as_array())
      out.emplace_back(one.at("body").at("stringValue").as_string().c_str());
    return out;
  }
  Collector& collector_;
};

class OtlpExporterTest : public testing::Test {
 protected:
  OtlpExporterTest() {
    options_.linger = milliseconds(1);
    options_.first_pause = options_.longest_pause = milliseconds(5);
    options_.goodbye = milliseconds(200);
    options_.warn = [this](const std::string& sentence) {
      const std::lock_guard lock(collector_.mutex);
      said_.push_back(sentence);
    };
  }
  OtlpExporter& begin() {
    exporter_ = std::make_unique<OtlpExporter>(std::make_unique<FakeTransport>(collector_), options_);
    return *exporter_;
  }
  void write(std::uint64_t first, std::uint64_t last) {
    for (auto i = first; i <= last; ++i) exporter_->line(i, std::to_string(i));
  }

  Collector collector_;
  OtlpOptions options_;
  std::vector<std::string> said_;
  std::unique_ptr<OtlpExporter> exporter_;
};

TEST_F(OtlpExporterTest, SendsEveryRecordOnceAndInOrder) {
  begin();
  write(1, 1500);
  exporter_->synced(1500);
  ASSERT_TRUE(collector_.wait([this] { return collector_.taken() == 1500; }));
  exporter_->stop();
  std::uint64_t next = 1;
  for (const auto& batch : collector_.batches) {
    EXPECT_LE(batch.size(), 512U);
    for (const auto& body : batch) EXPECT_EQ(body, std::to_string(next++));
  }
  EXPECT_EQ(exporter_->counters().sent, 1500U);
  EXPECT_EQ(exporter_->counters().dropped, 0U);
  EXPECT_TRUE(said_.empty());
}

TEST_F(OtlpExporterTest, SendsNothingThatIsNotOnDisk) {
  begin();
  write(1, 3);
  exporter_->synced(2);
  ASSERT_TRUE(collector_.wait([this] { return collector_.taken() == 2; }));
  exporter_->stop();
  EXPECT_EQ(collector_.taken(), 2U);
  EXPECT_EQ(exporter_->counters().dropped, 1U);
}

TEST_F(OtlpExporterTest, TriesAgainWhatFailsForNowAndSaysSoOnce) {
  collector_.answer = [](unsigned tries) -> Outcome<OtlpReply> {
    if (tries == 1) return Complaint{"connecting failed"};
    if (tries < 5) return OtlpReply{503, "", {}};
    return OtlpReply{200, "", {}};
  };
  begin();
  write(1, 2);
  exporter_->synced(2);
  ASSERT_TRUE(collector_.wait([this] { return collector_.taken() == 2; }));
  exporter_->stop();
  EXPECT_EQ(collector_.tries, 5U);
  EXPECT_EQ(collector_.batches.size(), 1U);
  ASSERT_EQ(said_.size(), 2U);
  EXPECT_EQ(said_[0], "otlp: connecting failed; it is tried again, and the audit log has everything");
}

TEST_F(OtlpExporterTest, HonoursRetryAfter) {
  collector_.answer = [](unsigned) { return OtlpReply{429, "", std::chrono::seconds(600)}; };
  begin();
  write(1, 1);
  exporter_->synced(1);
  ASSERT_TRUE(collector_.wait([this] { return collector_.tries == 1; }));
  // Without it, some twenty tries would fit into this.
  std::unique_lock lock(collector_.mutex);
  EXPECT_FALSE(collector_.changed.wait_for(lock, milliseconds(100), [this] { return collector_.tries > 1; }));
}

TEST_F(OtlpExporterTest, DoesNotTryAgainWhatIsRefusedForGood) {
  collector_.answer = [](unsigned tries) {
    if (tries == 1) return OtlpReply{400, "", {}};
    return OtlpReply{200, R"({"partialSuccess":{"rejectedLogRecords":"1"}})", {}};
  };
  begin();
  write(1, 2);
  exporter_->synced(2);
  ASSERT_TRUE(collector_.wait([this] { return collector_.tries == 1; }));
  write(3, 5);
  exporter_->synced(5);
  ASSERT_TRUE(collector_.wait([this] { return collector_.taken() == 3; }));
  exporter_->stop();
  EXPECT_EQ(exporter_->counters().rejected, 3U);
  EXPECT_EQ(exporter_->counters().sent, 2U);
  EXPECT_EQ(said_.size(), 1U);
}

TEST_F(OtlpExporterTest, L_05_ASlowCollectorCostsTheOldestAndNeverTheWriter) {
  options_.waiting = 100;
  collector_.hangs = true;
  begin();
  write(1, 1);
  exporter_->synced(1);
  ASSERT_TRUE(collector_.wait([this] { return collector_.tries == 1; }));
  write(2, 1001);
  exporter_->synced(1001);
  EXPECT_EQ(exporter_->counters().dropped, 900U);
  EXPECT_EQ(exporter_->counters().waiting, 100U);
  const auto began = std::chrono::steady_clock::now();
  exporter_->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
  EXPECT_EQ(exporter_->counters().sent, 0U);
  EXPECT_EQ(exporter_->counters().dropped, 1001U);
}

TEST_F(OtlpExporterTest, L_05_WhatWaitsIsBoundedInBytesToo) {
  options_.waiting_bytes = 1000;
  collector_.hangs = true;
  begin();
  for (std::uint64_t i = 1; i <= 10; ++i) exporter_->line(i, std::string(300, 'x'));
  EXPECT_EQ(exporter_->counters().waiting, 3U);
}

TEST_F(OtlpExporterTest, SendsMetricsNowAndThenAndAtTheEnd) {
  options_.metrics = [] { return std::vector<Measure>{{"sallyport_x_total", "X.", "1", {}, {}, 2}}; };
  options_.metrics_every = milliseconds(5);
  begin();
  ASSERT_TRUE(collector_.wait([this] { return collector_.metrics.size() >= 2; }));
  EXPECT_NE(collector_.metrics.front().find("sallyport.x"), std::string::npos);
}

class OtlpOfALog : public LogTest {};

TEST_F(OtlpOfALog, IsWhatTheFileHas) {
  Collector collector;
  OtlpExporter exporter(std::make_unique<FakeTransport>(collector), {});
  options_.on_line = [&](const Event&, std::uint64_t sequence, std::string_view line) {
    exporter.line(sequence, line);
  };
  options_.on_synced = [&](std::uint64_t sequence) { exporter.synced(sequence); };
  const auto log = open();
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(log->append(samples::connection(ConnectionEvent::Activity::refuse)));
  log->stop();
  exporter.stop();
  std::string sent;
  for (const auto& batch : collector.batches) {
    for (const auto& body : batch) sent += body + "\n";
  }
  EXPECT_EQ(sent, text());
}

}  // namespace
}  // namespace sallyport
