#include "proxy/watch_view.hpp"

#include "proxy/watch_events.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

using namespace std::chrono_literals;
using Clock = WatchView::Clock;

boost::json::object question(const std::string& id, const std::string& seen, const std::string& host = "example.com") {
  return {{"id", id},           {"agent", "bot"}, {"host", host},    {"port", 443},        {"domain", host},
          {"state", "pending"}, {"waiting", 1},   {"tries", 1},      {"first_seen", seen}, {"last_seen", seen},
          {"rule", ""},         {"reason", ""},   {"door", "proxy"}, {"protocol", "tls"}};
}

struct Fixture : testing::Test {
  Fixture() {
    view.put(question("ap_one", "2026-06-01T12:00:00.000Z"), start);
    view.put(question("ap_two", "2026-06-01T12:00:05.000Z"), start);
  }
  std::string text(std::size_t rows = 24, std::size_t places = 100) {
    std::string all;
    for (const auto& line : view.lines(rows, places, false)) all += line + '\n';
    return all;
  }
  WatchView view{WatchView::Order::oldest_first};
  const Clock::time_point start{1h};
  const Clock::time_point later = start + 1s;
};

using WatchViewKeys = Fixture;

TEST_F(WatchViewKeys, OneKeyDecidesTheQuestionUnderTheCursor) {
  const auto done = view.type("a", later);
  ASSERT_TRUE(done.decide);
  EXPECT_EQ(done.decide->id, "ap_one");
  EXPECT_EQ(done.decide->body.at("decision"), "approve");
  const auto denied = view.type("jd", later);
  ASSERT_TRUE(denied.decide);
  EXPECT_EQ(denied.decide->id, "ap_two");
  EXPECT_EQ(denied.decide->body.at("decision"), "deny");
}

TEST_F(WatchViewKeys, AKeyIsNotTakenForAMomentAfterTheListMovedUnderTheCursor) {
  view.drop("ap_one", later);
  EXPECT_FALSE(view.type("a", later + 399ms).decide);
  EXPECT_TRUE(view.type("a", later + 400ms).decide);
}

TEST_F(WatchViewKeys, ANewQuestionBelowTheCursorMovesNothing) {
  view.put(question("ap_three", "2026-06-01T12:00:09.000Z"), later);
  EXPECT_TRUE(view.type("a", later + 1ms).decide);
}

TEST_F(WatchViewKeys, ANewQuestionAboveTheCursorTakesItAlong) {
  view.put(question("ap_zero", "2026-06-01T11:00:00.000Z"), later);
  EXPECT_FALSE(view.type("a", later + 1ms).decide);
  EXPECT_EQ(view.type("a", later + 1s).decide->id, "ap_one");
}

TEST_F(WatchViewKeys, WhatIsPastedDecidesOnce) {
  const auto done = view.type("aaaddd", later);
  ASSERT_TRUE(done.decide);
  EXPECT_EQ(done.decide->id, "ap_one");
}

TEST_F(WatchViewKeys, ArrowsMoveAndOtherLongKeysMeanNothing) {
  EXPECT_EQ(view.type("\033[Bo", later).decide->id, "ap_two");
  EXPECT_EQ(view.type("\033[Ao", later).decide->id, "ap_one");
  EXPECT_FALSE(view.type("\033[1;5d", later).decide);
}

TEST_F(WatchViewKeys, ANoteGoesWithTheDecision) {
  const auto done = view.type("nfine by me\rd", later);
  ASSERT_TRUE(done.decide);
  EXPECT_EQ(done.decide->body.at("note"), "fine by me");
  EXPECT_FALSE(view.type("a", later).decide->body.contains("note"));
}

TEST_F(WatchViewKeys, LettersOfANoteWhoseQuestionWentDecideNothing) {
  view.type("nbe", later);
  view.drop("ap_one", later);
  EXPECT_FALSE(view.type("cause we need that", later + 5s).decide);
  EXPECT_FALSE(view.type("\r", later + 5s).decide);
  EXPECT_FALSE(view.type("a", later + 6s).decide->body.contains("note"));
}

TEST_F(WatchViewKeys, ALastCharacterIsTakenBackWhole) {
  const auto done = view.type("nab\xc3\xa9\x7f\x7f\rd", later);
  EXPECT_EQ(done.decide->body.at("note"), "a");
}

TEST_F(WatchViewKeys, A_08_and_A_17_WhatAnAgentSaysIsQuotedAndMovesNoCursor) {
  auto evil = question("ap_one", "2026-06-01T12:00:00.000Z");
  evil["agent"] = "\033[2Jbot";
  evil["access_reason"] = "\033]0;x\a approved by admin\xe2\x80\xae, press a";
  view.put(evil, later);
  const std::string all = text();
  EXPECT_EQ(all.find('\033'), std::string::npos);
  EXPECT_EQ(all.find('\a'), std::string::npos);
  EXPECT_EQ(all.find("\xe2\x80\xae"), std::string::npos);
  EXPECT_NE(all.find("the agent says: reason \""), std::string::npos);
}

TEST_F(WatchViewKeys, A_08_ALongNameIsCutInItsMiddle) {
  const std::string host = std::string(60, 'a') + "." + std::string(60, 'b') + ".attacker.example";
  view.put(question("ap_one", "2026-06-01T12:00:00.000Z", host), later);
  EXPECT_NE(text(24, 80).find(".attacker.example:443"), std::string::npos);
}

TEST_F(WatchViewKeys, ItHasAsManyLinesAsTheTerminal) {
  for (int number = 0; number < 100; ++number)
    view.put(question("ap_x" + std::to_string(number), "2026-06-01T13:00:00.000Z"), later);
  for (std::size_t rows = 1; rows < 40; ++rows) EXPECT_EQ(view.lines(rows, 20, true).size(), rows);
  for (int press = 0; press < 50; ++press) view.type("j", later);
  EXPECT_NE(text().find("\n> "), std::string::npos);
}

TEST(ApiEvents, AreTheSameHoweverTheyAreCut) {
  const std::string stream =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nretry: 1000\n\n"
      "id: 1\nevent: reset\ndata: {}\n\n: still here\n\nid: 2\nevent: approval\ndata: {\"id\":1}\n\n";
  for (std::size_t size = 1; size < stream.size(); ++size) {
    ApiEvents events;
    std::string seen;
    for (std::size_t at = 0; at < stream.size(); at += size) {
      for (const auto& event : events.feed(std::string_view(stream).substr(at, size))) seen += event.name + event.data;
    }
    EXPECT_EQ(seen, "reset{}approval{\"id\":1}");
  }
}

TEST(ApiEvents, AnAnswerThatIsNoStreamIsSaid) {
  ApiEvents events;
  EXPECT_TRUE(events.feed("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").empty());
  EXPECT_EQ(events.refused(), "HTTP/1.1 403 Forbidden");
}

}  // namespace
}  // namespace sallyport
