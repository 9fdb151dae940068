#include "proxy/terminal/terminal_for_test.hpp"

#include <csignal>

namespace sallyport {
namespace {

TEST(Terminal, MovesBytesBothWays) {
  Desk desk;
  desk.begin();
  desk.command.say("what is your name? ");
  desk.person.hear("what is your name? ");
  desk.person.say("Ada\r");
  desk.command.hear("Ada\n");
  desk.person.hear("Ada");  // echoed by the command's terminal, and by nothing else
  desk.terminal.end();
  const std::string screen = desk.person.listen(50);
  EXPECT_EQ(screen.find("Ada"), screen.rfind("Ada"));
}

TEST(Terminal, GivesTheModesBack) {
  Desk desk;
  const termios before = desk.modes();
  desk.begin();
  desk.command.say("x");
  desk.person.hear("x");
  EXPECT_EQ(desk.modes().c_lflag & (ICANON | ECHO | ISIG), 0U);
  desk.terminal.end();
  EXPECT_EQ(desk.modes().c_lflag, before.c_lflag);
  EXPECT_EQ(desk.modes().c_oflag, before.c_oflag);
}

TEST(Terminal, GivesTheModesBackWhenTheProgramExits) {
  Desk desk;
  const termios before = desk.modes();
  EXPECT_EXIT(
      {
        desk.begin();
        desk.command.say("x");
        desk.person.hear("x");
        std::exit(3);
      },
      testing::ExitedWithCode(3), "");
  EXPECT_EQ(desk.modes().c_lflag, before.c_lflag);
}

TEST(Terminal, LeavesTheKeysToTheCommandsTerminal) {
  Desk desk;
  desk.begin();
  desk.person.say("\003");
  desk.person.hear("^C");  // its terminal knows what it means
}

TEST(Terminal, ShowsWhatTheCommandSaidLast) {
  Desk desk;
  desk.begin();
  desk.command.say(std::string(3000, 'x') + "the end");
  desk.command.close();
  desk.terminal.end();
  desk.person.hear("the end");
}

TEST(Terminal, KeepsTheCommandsSizeThatOfTheTerminal) {
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &before);
  Terminal::block_signals();
  Desk desk;
  desk.resize(11, 33);
  desk.begin();
  EXPECT_EQ(desk.command_size().ws_col, 33);
  desk.resize(12, 44);
  ::kill(::getpid(), SIGWINCH);  // the terminal is not that of the tests' session
  for (int tries = 0; tries < 1000 && desk.command_size().ws_col != 44; ++tries) ::usleep(10'000);
  EXPECT_EQ(desk.command_size().ws_row, 12);
  EXPECT_EQ(desk.command_size().ws_col, 44);
  desk.terminal.end();
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(Terminal, GoesOnWhenTheCommandClosesItsTerminal) {
  Desk desk;
  desk.begin();
  desk.command.say("bye");
  desk.command.close();
  desk.person.hear("bye");
  desk.person.say("still here?");
  desk.terminal.end();
}

TEST(Terminal, GoesOnWhenTheTerminalGoes) {
  Desk desk;
  desk.begin();
  desk.person.close();
  desk.command.say(std::string(100, 'x'));
  desk.terminal.end();
}

// A job of a shell that watches it: stops as Ctrl-Z says, and is continued.
int job_under_a_shell(Desk& desk) {
  const pid_t job = ::fork();
  if (job == 0) {
    ::setpgid(0, 0);
    Terminal::block_signals();
    desk.begin();
    desk.jobs.say(std::string_view(&job_stopped, 1));
    char word = 0;
    const bool continued = ::recv(desk.jobs.fd(), &word, 1, 0) == 1 && word == job_continue;
    desk.terminal.end();
    ::_exit(continued ? 0 : 9);
  }
  ::setpgid(job, job);
  int status = 0;
  if (::waitpid(job, &status, WUNTRACED) != job || !WIFSTOPPED(status) || WSTOPSIG(status) != SIGTSTP) return 8;
  if ((desk.modes().c_lflag & ICANON) == 0) return 7;
  ::kill(-job, SIGCONT);
  return ::waitpid(job, &status, 0) == job && WIFEXITED(status) ? WEXITSTATUS(status) : 6;
}

TEST(Terminal, StopsAsAJobAndGoesOn) {
  Desk desk;
  const pid_t shell = ::fork();
  if (shell == 0) {
    ::setsid();
    ::_exit(job_under_a_shell(desk));
  }
  int status = 0;
  ASSERT_EQ(::waitpid(shell, &status, 0), shell);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace sallyport
