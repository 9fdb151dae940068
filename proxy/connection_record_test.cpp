#include "proxy/connection_record.hpp"

#include "telemetry/test_folder.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace sallyport {
namespace {

using Activity = ConnectionEvent::Activity;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct ConnectionRecordTest : LogTest {
  // What is written of connections while `use` runs, in order.
  template <class Use>
  std::vector<ConnectionEvent> written(Use use) {
    std::vector<ConnectionEvent> events;
    options_.on_line = [&](const Event& event, std::uint64_t, std::string_view) {
      if (const auto* connection = std::get_if<ConnectionEvent>(&event)) events.push_back(*connection);
    };
    auto log = open();
    use(*log);
    log->stop();
    return events;
  }
  static std::vector<Activity> activities(const std::vector<ConnectionEvent>& events) {
    std::vector<Activity> found;
    found.reserve(events.size());
    for (const auto& event : events) found.push_back(event.activity);
    return found;
  }
  static Origin origin() {
    Origin made;
    made.agent = "default";
    made.correlation = "c-1";
    made.host = "a.test";
    made.port = 443;
    return made;
  }
  static Refusal upstream_trouble() {
    Refusal refusal;
    refusal.kind = Refusal::Kind::upstream;
    refusal.detail = "it did not answer";
    return refusal;
  }
};

TEST_F(ConnectionRecordTest, IsOneOpenAndOneEndWhateverItsRequests) {
  const auto events = written([](AuditLog& log) {
    ConnectionRecord whole(log, origin());
    for (unsigned each = 1; each <= 3; ++each) {
      ConnectionRecord part(log, origin(), whole);
      EXPECT_TRUE(part.open());
      part.counters.up = each;
      part.counters.down = 10 * each;
      part.closed(ClosedBy::upstream);
    }
    whole.closed(ClosedBy::client);
  });
  ASSERT_THAT(activities(events), ElementsAre(Activity::open, Activity::close));
  EXPECT_EQ(events[1].cumulative->out, 6U);
  EXPECT_EQ(events[1].cumulative->in, 60U);
  EXPECT_EQ(events[1].closed_by, ClosedBy::client);
}

TEST_F(ConnectionRecordTest, KnowsWhatAllRequestsHaveMoved) {
  written([](AuditLog& log) {
    ConnectionRecord whole(log, origin());
    ConnectionRecord one(log, origin(), whole);
    {
      ConnectionRecord gone(log, origin(), whole);
      gone.counters.up = 5;
    }
    ConnectionRecord two(log, origin(), whole);
    one.counters.up = 1;
    two.counters.up = 2;
    EXPECT_EQ(whole.moved().out, 8U);
    EXPECT_EQ(one.moved().out, 8U);
    for (ConnectionRecord* each : {&one, &two}) each->closed(ClosedBy::client);
    whole.forget();
  });
}

TEST_F(ConnectionRecordTest, ARefusedRequestOpensNothing) {
  const auto events = written([](AuditLog& log) {
    ConnectionRecord whole(log, origin());
    ConnectionRecord(log, origin(), whole).refused(denied(Verdict{}));
    whole.closed(ClosedBy::client);
    whole.forget();
  });
  EXPECT_THAT(activities(events), ElementsAre(Activity::refuse));
}

TEST_F(ConnectionRecordTest, ARequestThatWasTakenBackEndsWithTheConnectionThatIsOpen) {
  const auto events = written([](AuditLog& log) {
    ConnectionRecord whole(log, origin());
    {
      ConnectionRecord open(log, origin(), whole);
      EXPECT_TRUE(open.open());
      const ConnectionRecord left(log, origin(), whole);
    }
    whole.closed(ClosedBy::client);
    whole.forget();
  });
  EXPECT_THAT(activities(events), ElementsAre(Activity::open, Activity::close));
}

TEST_F(ConnectionRecordTest, FailsWhereNoRequestCameThrough) {
  for (const bool dialled : {true, false}) {
    const auto events = written([dialled](AuditLog& log) {
      ConnectionRecord whole(log, origin());
      for (int each = 0; each < 2; ++each) {
        ConnectionRecord part(log, origin(), whole);
        EXPECT_EQ(dialled, dialled && part.open());
        part.refused(upstream_trouble());
      }
      whole.closed(ClosedBy::client);
      whole.forget();
    });
    ASSERT_FALSE(events.empty());
    EXPECT_EQ(events.size(), dialled ? 2U : 1U);
    EXPECT_EQ(events.back().activity, Activity::fail);
    EXPECT_EQ(events.back().status_detail, "it did not answer");
    EXPECT_EQ(events.back().closed_by, ClosedBy::upstream);
  }
}

TEST_F(ConnectionRecordTest, ClosesWhereALaterRequestCameThrough) {
  const auto events = written([](AuditLog& log) {
    ConnectionRecord whole(log, origin());
    EXPECT_TRUE(whole.open());
    whole.failed("it did not answer");  // to a dial before any request
    ConnectionRecord(log, origin(), whole).refused(upstream_trouble());
    {
      ConnectionRecord part(log, origin(), whole);
      EXPECT_TRUE(part.open());
    }
    whole.closed(ClosedBy::client);
    whole.forget();
  });
  ASSERT_THAT(activities(events), ElementsAre(Activity::open, Activity::close));
  EXPECT_THAT(events[1].status_detail, IsEmpty());
}

TEST_F(ConnectionRecordTest, ATrafficReportIsTheWholeConnections) {
  const auto events = written([](AuditLog& log) {
    ConnectionRecord whole(log, origin());
    ConnectionRecord part(log, origin(), whole);
    EXPECT_TRUE(part.open());
    part.counters.up = 7;
    part.report_traffic();
    whole.report_traffic();
    whole.closed(ClosedBy::client);
  });
  ASSERT_GE(events.size(), 2U);
  EXPECT_EQ(events[1].activity, Activity::traffic);
  EXPECT_EQ(events[1].traffic.out, 7U);
  EXPECT_EQ(
      std::count_if(events.begin(), events.end(), [](const auto& each) { return each.activity == Activity::traffic; }),
      1);
}

}  // namespace
}  // namespace sallyport
