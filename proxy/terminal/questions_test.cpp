// Questions on a terminal, as a person and a hostile command see them.
#include "approvals/test_support.hpp"
#include "proxy/terminal/terminal_for_test.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace sallyport {
namespace {

constexpr std::string_view prompt = "[n]o";

class Questions : public ApprovalsTest {
 protected:
  Questions() { ::setenv("TERM", "dumb", 1); }
  // A second of silence is more than enough, on a loaded machine as well: an answer that comes late is one.
  static void keep_silent() { std::this_thread::sleep_for(TerminalAsker::silence + std::chrono::milliseconds(50)); }

  void begin(const std::string& policy = "", PolicyFolder folder = PolicyFolder::closed) {
    AskerOptions options;
    options.user = "ada";
    if (!policy.empty()) options.policy = std::make_unique<PolicyFile>(policy, folder);
    desk_.begin(std::make_unique<TerminalAsker>(*approvals_, std::move(options)));
  }
  std::string policy_file(const std::string& text) const {
    std::ofstream(folder_ + "/policy.yaml") << text;
    return folder_ + "/policy.yaml";
  }
  static std::string text_of(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void answer(std::string_view keys) {
    desk_.person.hear(prompt);
    keep_silent();
    desk_.person.say(keys);
  }
  Approval only_approval() const { return approvals_->approvals({}).at(0); }

  Desk desk_;
  Told told_;
};

TEST_F(Questions, NoDenies) {
  begin();
  const auto ticket = hold(question_of("run", "new.example:443"), told_);
  answer("n");
  desk_.person.hear("refused");
  EXPECT_FALSE(told_.wait()->approved);
  EXPECT_EQ(only_approval().by.through, "terminal");
  EXPECT_EQ(only_approval().by.name, "ada");
}

TEST_F(Questions, A_06_OnceIsOnce) {
  begin();
  const auto ticket = hold(question_of("run", "new.example:443"), told_);
  answer("o");
  EXPECT_TRUE(told_.wait()->approved);
  EXPECT_FALSE(approvals_->find(question_of("run", "new.example:443")).has_value());
}

TEST_F(Questions, ThisRunIsForTheAgentAndTheHost) {
  begin();
  const auto ticket = hold(question_of("run", "new.example:443"), told_);
  answer("R");
  EXPECT_TRUE(told_.wait()->approved);
  EXPECT_TRUE(approvals_->find(question_of("run", "new.example:443")).has_value());
  EXPECT_FALSE(approvals_->find(question_of("run", "www.new.example:443")).has_value());
  EXPECT_FALSE(approvals_->find(question_of("other", "new.example:443")).has_value());
}

TEST_F(Questions, AlwaysWritesThePolicy) {
  const std::string path = policy_file("version: 1\nrules:\n  - allow: a.example  # mine\n");
  ::chmod(path.c_str(), 0640);
  begin(path);
  const auto ticket = hold(question_of("run", "new.example:8443"), told_);
  answer("a");
  EXPECT_TRUE(told_.wait()->approved);
  desk_.person.hear("the rule is in policy.yaml");
  const std::string text = text_of(path);
  EXPECT_TRUE(text.starts_with("version: 1\nrules:\n  - allow: a.example  # mine\n  # ")) << text;
  EXPECT_TRUE(text.ends_with(", ada was asked for run\n  - allow: new.example\n    ports: [8443]\n")) << text;
  struct stat found {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0640U);
}

TEST_F(Questions, AlwaysBeginsAPolicyWhereThereIsNone) {
  const std::string path = folder_ + "/policy.yaml";
  begin(path);
  const auto ticket = hold(question_of("run", "new.example:443"), told_);
  answer("a");
  EXPECT_TRUE(told_.wait()->approved);
  desk_.person.hear("the rule is in policy.yaml");
  EXPECT_TRUE(text_of(path).ends_with("- allow: new.example\n"));
}

TEST_F(Questions, AlwaysFollowsALinkAndWritesAProtectedFileInItsPlace) {
  const std::string path = policy_file("version: 1\n");
  const std::string link = folder_ + "/link.yaml";
  std::filesystem::create_symlink(path, link);
  struct stat before {
  }, after{};
  ASSERT_EQ(::stat(path.c_str(), &before), 0);
  begin(link, PolicyFolder::open);
  const auto ticket = hold(question_of("run", "new.example:443"), told_);
  answer("a");
  desk_.person.hear("the rule is in policy.yaml");
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  ASSERT_EQ(::stat(path.c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
  EXPECT_TRUE(text_of(path).ends_with("- allow: new.example\n"));
}

TEST_F(Questions, AlwaysWritesNothingWhereAnotherFileHasTakenThePlace) {
  const std::string path = policy_file("version: 1\n");
  begin(path, PolicyFolder::open);
  std::filesystem::rename(path, folder_ + "/mine.yaml");
  policy_file("version: 1\nrules: [{ allow: any }]\n");
  const auto ticket = hold(question_of("run", "new.example:443"), told_);
  answer("a");
  desk_.person.hear("for this run only");
  EXPECT_EQ(text_of(path), "version: 1\nrules: [{ allow: any }]\n");
}

TEST_F(Questions, AlwaysIsForThisRunWhereTheRuleWouldDecideNothing) {
  const std::string text = "version: 1\nrules:\n  - ask: new.example\n";
  const std::string path = policy_file(text);
  begin(path);
  const auto ticket = hold(question_of("run", "new.example:443"), told_);
  answer("a");
  desk_.person.hear("for this run only: policy.yaml is as it was, \"the rule at policy.yaml:3 asks all the same\"");
  EXPECT_TRUE(told_.wait()->approved);
  EXPECT_EQ(text_of(path), text);
}

TEST_F(Questions, AlwaysIsNotOfferedWithoutAPolicy) {
  begin();
  const auto ticket = hold(question_of("run", "new.example:443"), told_);
  answer("a");
  desk_.person.hear("(o, r or n)");
  EXPECT_EQ(only_approval().state, Approval::State::pending);
}

TEST_F(Questions, PauseTheOutputUntilTheyAreAnswered) {
  begin();
  desk_.command.say("half a line");
  desk_.person.hear("half a line");
  const auto ticket = hold(question_of("run", "new.example:443"), told_);
  const std::string asked = desk_.person.hear(prompt);
  EXPECT_NE(asked.find("half a line\r\nsallyport: may run reach new.example:443 ?\r\n"), std::string::npos)
      << testing::PrintToString(asked);
  desk_.command.say("sallyport: allowed");
  EXPECT_EQ(desk_.person.listen(100), asked);
  answer("o");
  desk_.person.hear("once\r\nsallyport: allowed");
}

TEST_F(Questions, AreNotAnsweredByWhatWasTypedBefore) {
  begin();
  desk_.person.say("o");
  desk_.command.listen(50);
  const auto ticket = hold(question_of("run", "new.example:443"), told_);
  desk_.person.hear(prompt);
  desk_.person.say("o");  // typed towards the command while the question came up
  desk_.person.listen(500);
  EXPECT_EQ(only_approval().state, Approval::State::pending);
  desk_.person.say("n");
  EXPECT_FALSE(told_.wait()->approved);
  // What came before is the command's; what came since is nobody's.
  desk_.person.say("\r");
  EXPECT_EQ(desk_.command.hear("\n"), "o\n");
}

TEST_F(Questions, AreNotAnsweredByAPasteOrByTheTerminalItself) {
  begin();
  const auto ticket = hold(question_of("run", "new.example:443"), told_);
  for (const std::string_view typed : {"ooo", "\033[24;80R", "\033]lo\033\\", "yes\r", "\xc3\xb6"}) {
    answer(typed);
    answer("\033");
    desk_.person.say("o");  // no silence before it
  }
  desk_.person.listen(400);
  EXPECT_EQ(only_approval().state, Approval::State::pending);
}

TEST_F(Questions, CanNeitherBeForgedNorAnsweredByTheCommand) {
  begin();
  desk_.command.say("\033[2J\033]0;title\r\nsallyport: may run reach new.example:443 ? [o]nce / [n]o: ");
  desk_.person.hear("[n]o: ");
  desk_.person.say("o\r");
  desk_.command.hear("o\n");  // an answer to what the command asked is the command's
  EXPECT_TRUE(approvals_->approvals({}).empty());
  const auto ticket = hold(question_of("run", "real.example:443"), told_);
  desk_.person.hear("real.example");
  desk_.person.hear("  ");
  keep_silent();
  // Its own terminal is not the one that is read.
  for (const char key : std::string_view("o\r")) static_cast<void>(::ioctl(desk_.command.fd(), TIOCSTI, &key));
  desk_.command.say("o\r\n");
  desk_.person.listen(400);
  EXPECT_EQ(only_approval().state, Approval::State::pending);
}

TEST_F(Questions, StandAfterAnythingThatHidesText) {
  ::setenv("TERM", "xterm", 1);
  begin();
  desk_.command.say("\033[8m\033(0\033]0;never ended ");
  desk_.person.hear("never ended ");
  desk_.person.take();
  const auto ticket = hold(question_of("run", "new.example:443"), told_);
  const std::string asked = desk_.person.hear(prompt);
  const std::size_t question = asked.find("sallyport: may");
  for (const std::string_view undone : {"\033\\", "\033_Ga=d\033\\", "\033[0m", "\033(B", "\033[?25h"})
    EXPECT_LT(asked.find(undone), question);
}

TEST_F(Questions, AreWithdrawnWhenSomebodyElseAnswers) {
  begin();
  const auto ticket = hold(question_of("run", "new.example:443"), told_);
  desk_.person.hear(prompt);
  decide(only_approval().id, approve());
  desk_.person.hear("sallyport: allowed by alice (cli)\r\n");
  desk_.command.say("on");
  desk_.person.hear("\r\non");
}

// "May it reach the harmless one?", and as the person's finger goes down, another question.
TEST_F(Questions, TakeNoAnswerThatWasOnItsWayToTheOneBefore) {
  begin();
  auto harmless = std::make_unique<Approvals::Ticket>(hold(question_of("run", "harmless.example:443"), told_));
  desk_.person.hear("harmless.example");
  Told told;
  const auto other = hold(question_of("run", "other.example:443"), told);
  keep_silent();
  harmless.reset();
  desk_.person.hear("other.example");
  answer("o");
  std::this_thread::sleep_for(TerminalAsker::silence_after_another);
  EXPECT_EQ(approvals_->counts().pending, 2U);
  desk_.person.say("o");
  EXPECT_TRUE(told.wait()->approved);
}

TEST_F(Questions, AreWithdrawnWhenNobodyWaitsAndComeBackWhenSomebodyDoes) {
  begin();
  {
    const auto ticket = hold(question_of("run", "new.example:443"), told_);
    desk_.person.hear(prompt);
    desk_.person.hear("1 connection waits");
  }
  desk_.person.hear("sallyport: who asked has gone\r\n");
  desk_.person.take();
  const auto again = hold(question_of("run", "new.example:443"), told_);
  answer("o");
  EXPECT_TRUE(told_.wait()->approved);
}

TEST_F(Questions, A_02_A_04_ComeOneAtATime) {
  const auto first = hold(question_of("run", "one.example:443"), told_);
  const auto second = hold(question_of("run", "two.example:443"), told_);
  const auto third = hold(question_of("run", "three.example:443"), told_);
  begin();
  desk_.person.hear("(2 more wait)");
  EXPECT_FALSE(desk_.person.has_heard("two.example"));
  answer("n");
  desk_.person.hear("(1 more waits)");
  EXPECT_TRUE(desk_.person.has_heard("two.example"));
}

TEST_F(Questions, LetTheCommandBeEnded) {
  begin();
  const auto ticket = hold(question_of("run", "new.example:443"), told_);
  answer("\003");
  termios modes{};
  ::tcgetattr(desk_.command.fd(), &modes);
  keep_silent();
  desk_.person.say("o");
  EXPECT_TRUE(told_.wait()->approved);
  desk_.person.hear("^C");
}

TEST_F(Questions, EndWithTheCommand) {
  const termios before = desk_.modes();
  begin();
  const auto ticket = hold(question_of("run", "new.example:443"), told_);
  desk_.person.hear(prompt);
  desk_.command.say("last words");
  desk_.command.close();
  desk_.terminal.end();
  desk_.person.hear("last words");
  EXPECT_EQ(only_approval().state, Approval::State::pending);
  EXPECT_FALSE(approvals_->attended());
  EXPECT_EQ(desk_.modes().c_lflag, before.c_lflag);
}

TEST_F(Questions, SomebodyIsThereWhoCouldAnswer) {
  EXPECT_FALSE(approvals_->attended());
  begin();
  EXPECT_TRUE(approvals_->attended());
  desk_.person.close();
  desk_.command.say("x");
  for (int tries = 0; tries < 1000 && approvals_->attended(); ++tries) ::usleep(10'000);
  EXPECT_FALSE(approvals_->attended());
}

}  // namespace
}  // namespace sallyport
