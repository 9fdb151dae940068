#include "telemetry/verify.hpp"

#include "telemetry/samples.hpp"
#include "telemetry/test_folder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace sallyport {
namespace {

using Kind = VerifyProblem::Kind;
using Lines = std::vector<std::string>;

class VerifyTest : public LogTest {
 protected:
  void SetUp() override {
    auto log = open();
    for (int i = 1; i <= 10; ++i) {
      EXPECT_TRUE(log->append(samples::connection(ConnectionEvent::Activity::refuse, "c-" + std::to_string(i))));
    }
    log->stop();
    lines_ = lines_of(options_.path);
    ASSERT_EQ(lines_.size(), 11U);
  }

  VerifyReport tampered(const std::function<void(Lines&)>& tamper, std::optional<Head> against = std::nullopt) {
    Lines lines = lines_;
    tamper(lines);
    write_lines(options_.path, lines);
    return check(against);
  }
  // The lines as they would be if the chain were made anew, without the key, from there on.
  static void rechain(Lines& lines, std::size_t from) {
    for (std::size_t i = from; i < lines.size(); ++i) {
      const std::size_t at = lines[i].rfind("\"prev\":\"") + 8;
      lines[i].replace(at, 64, sha256_hex(lines[i - 1]));
    }
  }
  static void set_time(std::string& line, std::chrono::milliseconds after) {
    const std::size_t at = line.find("\"time\":") + 7;
    const std::size_t end = line.find(',', at);
    line.replace(at, end - at, std::to_string(1'780'000'000'000 + after.count()));
  }
  static bool says(const VerifyReport& report, const std::string& words) {
    return std::any_of(report.notes.begin(), report.notes.end(),
                       [&](const std::string& note) { return note.find(words) != std::string::npos; });
  }
  static bool names(const VerifyReport& report, Kind kind, std::uint64_t line, std::uint64_t sequence) {
    return std::any_of(report.problems.begin(), report.problems.end(), [&](const VerifyProblem& problem) {
      return problem.kind == kind && problem.line == line && problem.sequence == sequence;
    });
  }
  Lines lines_;
};

TEST_F(VerifyTest, AnUntouchedLogIsWhole) {
  const VerifyReport report = tampered([](Lines&) {});
  EXPECT_TRUE(report.whole()) << problems(report);
  EXPECT_EQ(report.head.sequence, 11U);
  EXPECT_EQ(report.signed_up_to, 10U);
  EXPECT_EQ(head_of(options_.path).value(), report.head.text());
}

TEST_F(VerifyTest, L_06_AChangedLineIsNamed) {
  for (std::size_t i = 0; i < 10; ++i) {
    const VerifyReport report = tampered([&](Lines& lines) { lines[i].replace(lines[i].find("\"c-"), 3, "\"d-"); });
    EXPECT_EQ(report.problems.size(), 1U) << problems(report);
    EXPECT_TRUE(names(report, Kind::changed, i + 1, i + 1)) << problems(report);
  }
}

TEST_F(VerifyTest, L_06_ALineTurnedToRubbishIsNamed) {
  const VerifyReport report = tampered([](Lines& lines) { lines[4] = "rubbish"; });
  EXPECT_TRUE(names(report, Kind::changed, 5, 5)) << problems(report);
}

TEST_F(VerifyTest, L_06_MissingLinesAreNamed) {
  for (std::size_t i = 0; i < 9; ++i) {
    const VerifyReport report = tampered([&](Lines& lines) {
      lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(i), lines.begin() + static_cast<std::ptrdiff_t>(i + 2));
    });
    EXPECT_EQ(report.problems.size(), 1U) << problems(report);
    EXPECT_TRUE(names(report, Kind::missing, i + 1, i + 1)) << problems(report);
  }
}

TEST_F(VerifyTest, L_06_ARepeatedLineIsNamed) {
  const VerifyReport next = tampered([](Lines& lines) { lines.insert(lines.begin() + 5, lines[4]); });
  EXPECT_TRUE(names(next, Kind::added, 6, 5)) << problems(next);
  EXPECT_EQ(next.problems.size(), 1U);
  const VerifyReport later = tampered([](Lines& lines) { lines.insert(lines.begin() + 8, lines[4]); });
  EXPECT_TRUE(names(later, Kind::added, 9, 5)) << problems(later);
}

TEST_F(VerifyTest, L_06_AnAddedLineIsNamedEvenBeforeTheTrueOne) {
  const VerifyReport report = tampered([](Lines& lines) {
    std::string forged = lines[5];
    forged.replace(forged.find("\"c-"), 3, "\"f-");
    lines.insert(lines.begin() + 5, forged);
  });
  EXPECT_TRUE(names(report, Kind::added, 6, 6)) << problems(report);
  EXPECT_EQ(report.problems.size(), 1U);
}

TEST_F(VerifyTest, L_06_AnAddedLineThatIsNoRecordIsNamed) {
  const VerifyReport report = tampered([](Lines& lines) { lines.insert(lines.begin() + 5, "rubbish"); });
  EXPECT_FALSE(report.whole());
  EXPECT_EQ(report.problems.front().line, 6U) << problems(report);
}

TEST_F(VerifyTest, L_06_ReorderedLinesAreNamed) {
  const VerifyReport report = tampered([](Lines& lines) { std::swap(lines[4], lines[5]); });
  EXPECT_TRUE(names(report, Kind::reordered, 6, 5)) << problems(report);
  EXPECT_EQ(report.problems.size(), 1U);
}

TEST_F(VerifyTest, L_06_ACutTailIsFoundByALaterHead) {
  const Head head = *Head::parse(head_of(options_.path).value());
  const auto cut = [](Lines& lines) { lines.resize(7); };
  const VerifyReport report = tampered(cut, head);
  EXPECT_TRUE(std::any_of(report.problems.begin(), report.problems.end(), [](const auto& problem) {
    return problem.kind == Kind::cut && problem.sequence == 8;
  })) << problems(report);
  EXPECT_TRUE(tampered([](Lines&) {}, head).whole());
  EXPECT_TRUE(tampered([](Lines&) {}, Head{3, sha256_hex(lines_[2])}).whole()) << "an earlier head is one too";
}

TEST_F(VerifyTest, L_06_AChainMadeAnewFailsItsSignature) {
  const VerifyReport report = tampered([](Lines& lines) {
    lines[4].replace(lines[4].find("\"c-"), 3, "\"d-");
    rechain(lines, 5);
  });
  EXPECT_TRUE(names(report, Kind::signature, 11, 11)) << problems(report);
}

TEST_F(VerifyTest, L_06_ACheckpointOfAnotherHashFailsItsSignature) {
  const VerifyReport report = tampered([](Lines& lines) {
    lines[4].replace(lines[4].find("\"c-"), 3, "\"d-");
    rechain(lines, 5);
    const std::size_t at = lines[10].find("\"sha256\":\"") + 10;
    lines[10].replace(at, 64, sha256_hex(lines[9]));
  });
  EXPECT_TRUE(names(report, Kind::signature, 11, 11)) << problems(report);
}

TEST_F(VerifyTest, AFreshLogIsIntactThoughNotYetSigned) {
  const VerifyReport report = tampered([](Lines& lines) { lines.pop_back(); });
  EXPECT_TRUE(report.whole()) << problems(report);
  EXPECT_EQ(report.signed_up_to, 0U);
  EXPECT_TRUE(says(report, "not yet signed"));
}

TEST_F(VerifyTest, L_06_StrippedCheckpointsAreFoundByTheTimeThatPassedWithoutOne) {
  const auto spread = [](std::chrono::milliseconds apart) {
    return [apart](Lines& lines) {
      lines.pop_back();
      for (std::size_t i = 0; i < lines.size(); ++i) set_time(lines[i], apart * static_cast<int>(i));
      rechain(lines, 1);
    };
  };
  const VerifyReport report = tampered(spread(std::chrono::seconds(50)));
  EXPECT_TRUE(names(report, Kind::signature, 1, 1)) << problems(report);
  EXPECT_TRUE(tampered(spread(std::chrono::seconds(20))).whole());
}

TEST_F(VerifyTest, APauseIsNoTimeWithoutACheckpoint) {
  const VerifyReport report = tampered([](Lines& lines) {
    lines.pop_back();
    for (std::size_t i = 5; i < lines.size(); ++i) set_time(lines[i], std::chrono::hours(8));
    rechain(lines, 1);
  });
  EXPECT_TRUE(report.whole()) << problems(report);
}

TEST_F(VerifyTest, L_06_StrippedCheckpointsAreFoundByAnEarlierHead) {
  auto log = open();
  EXPECT_TRUE(log->append(samples::connection(ConnectionEvent::Activity::refuse)));
  log->stop();
  const Head head = *Head::parse(head_of(options_.path).value());
  lines_ = lines_of(options_.path);
  const VerifyReport report = tampered(
      [](Lines& lines) {
        lines.erase(lines.begin() + 10);
        lines.pop_back();
        const std::size_t at = lines[10].find("\"sequence\":12");
        lines[10].replace(at, 13, "\"sequence\":11");
        rechain(lines, 10);
      },
      head);
  EXPECT_FALSE(report.whole());
}

TEST_F(VerifyTest, AFileThatEndsInANewlineIsNotSaidToLackOne) {
  EXPECT_FALSE(says(tampered([](Lines&) {}), "newline"));
  std::ofstream(options_.path, std::ios::app) << "torn";
  EXPECT_TRUE(says(check(), "newline"));
}

TEST_F(VerifyTest, L_06_ACutBeginningIsNamed) {
  const VerifyReport report = tampered([](Lines& lines) { lines.erase(lines.begin(), lines.begin() + 3); });
  EXPECT_EQ(report.problems.size(), 1U) << problems(report);
  EXPECT_TRUE(names(report, Kind::missing, 1, 1)) << problems(report);
}

TEST_F(VerifyTest, APartOfALogIsWholeWhereItsBeginningIsKnown) {
  const Head before{3, sha256_hex(lines_[2])};
  write_lines(options_.path, {lines_.begin() + 3, lines_.end()});
  const auto part = [&](const std::string& from) {
    return verify({options_.path}, {folder_ + "/audit.pub", {}, Beginning::parse(from)}).whole();
  };
  EXPECT_TRUE(part("4"));
  EXPECT_TRUE(part(before.text()));
  EXPECT_FALSE(part("3"));
  EXPECT_FALSE(part("3:" + std::string(64, 'a')));
  EXPECT_FALSE(Beginning::parse("0") || Beginning::parse("x") || Beginning::parse(""));
}

TEST_F(VerifyTest, L_06_ARetirementAccountsForABeginningOnlyUnderASignature) {
  auto log = open();
  LifecycleEvent retired;
  retired.kind = LifecycleEvent::Kind::log_retired;
  retired.begins = 5;
  EXPECT_TRUE(log->append(retired));
  log->stop();
  lines_ = lines_of(options_.path);
  ASSERT_EQ(lines_.size(), 13U);
  const auto from = [](std::size_t begin, std::size_t end) {
    return [=](Lines& lines) {
      lines =
          Lines(lines.begin() + static_cast<std::ptrdiff_t>(begin), lines.begin() + static_cast<std::ptrdiff_t>(end));
    };
  };
  const VerifyReport accounted = tampered(from(4, 13));
  EXPECT_TRUE(accounted.whole()) << problems(accounted);
  EXPECT_TRUE(tampered(from(2, 13)).whole()) << "more than it must hold";
  EXPECT_FALSE(tampered(from(5, 13)).whole()) << "one line more is gone than was retired";
  EXPECT_FALSE(tampered(from(4, 12)).whole()) << "a retirement that nobody signed";
}

TEST_F(VerifyTest, L_06_AReplacedLogIsFoundByItsHead) {
  const Head head{5, std::string(64, 'a')};
  EXPECT_FALSE(tampered([](Lines&) {}, head).whole());
}

TEST_F(VerifyTest, FilesAreReadInTheOrderOfTheirSequence) {
  const std::string older = folder_ + "/log/audit.1.jsonl";
  write_lines(older, {lines_.begin(), lines_.begin() + 5});
  write_lines(options_.path, {lines_.begin() + 5, lines_.end()});
  const VerifyReport report = verify({options_.path, older}, {folder_ + "/audit.pub", {}});
  EXPECT_TRUE(report.whole()) << problems(report);
  std::filesystem::remove(older);
  EXPECT_EQ(check().first_sequence, 6U);
}

TEST_F(VerifyTest, AHeadIsATextOrAFile) {
  const std::string head = head_of(options_.path).value();
  EXPECT_EQ(head_from(head)->text(), head);
  EXPECT_EQ(head_from(options_.path)->text(), head);
  write_lines(folder_ + "/head", {head});
  EXPECT_EQ(head_from(folder_ + "/head")->text(), head);
  EXPECT_FALSE(head_from(folder_ + "/none").has_value());
  EXPECT_FALSE(Head::parse("12:xyz").has_value());
}

TEST_F(VerifyTest, WhereNoRecordIsThereIsNothingToVerify) {
  for (const Lines& lines : {Lines{}, Lines{"{\"a\":1}"}}) {
    const auto report = tampered([&](Lines& all) { all = lines; });
    EXPECT_TRUE(report.holds_no_record());
    ASSERT_FALSE(report.whole());
    EXPECT_NE(report.problems.front().text.find("nothing to verify"), std::string::npos) << problems(report);
  }
  EXPECT_FALSE(verify({}, {}).whole());
}

TEST_F(VerifyTest, AMissingFileOrKeyIsAProblem) {
  EXPECT_FALSE(verify({folder_ + "/none"}, {}).whole());
  EXPECT_FALSE(verify({options_.path}, {folder_ + "/none.pub", {}}).whole());
}

}  // namespace
}  // namespace sallyport
