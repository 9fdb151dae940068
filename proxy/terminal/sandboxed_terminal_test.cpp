// A command in a sandbox with a terminal, a shell that has started it, and a person before that. Run as root, the
// command is nobody's.
#include "proxy/terminal/terminal_for_test.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <csignal>
#include <grp.h>

namespace sallyport {
namespace {

constexpr uid_t nobody = 65534;
constexpr int no_sandbox = 77, limit_s = 30;

SandboxPlan plan_for(const std::string& script) {
  SandboxPlan plan;
  plan.command = {"/usr/bin/python3", "-c", "import fcntl, os, signal, sys, termios, time\n" + script};
  plan.environment = {"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "PYTHONUNBUFFERED=1"};
  plan.directory = "/";
  return plan;
}

// What `sallyport run` does, as a job of the shell's.
[[noreturn]] void be_job(SandboxPlan plan) {
  ::alarm(limit_s);
  ::setpgid(0, 0);
  const bool became = ::geteuid() != 0 || (::setgroups(0, nullptr) == 0 && ::setresgid(nobody, nobody, nobody) == 0 &&
                                           ::setresuid(nobody, nobody, nobody) == 0);
  const auto terminal = Terminal::find();
  plan.terminal = terminal != nullptr;
  auto sandbox = became ? Sandbox::start(plan) : Outcome<Sandbox>(Complaint{"root"});
  if (!sandbox) ::_exit(sandbox.error().text.starts_with("namespaces can't be made") ? no_sandbox : 1);
  Terminal::block_signals();
  if (!terminal || !terminal->begin(std::move(sandbox->terminal), nullptr) || !sandbox->release()) ::_exit(1);
  const int status = sandbox->wait();
  terminal->end();
  ::_exit(status);
}

// Says when its job has stopped, and brings it back to the foreground.
[[noreturn]] void be_shell(const SandboxPlan& plan) {
  ::signal(SIGTTOU, SIG_IGN);
  const pid_t job = ::fork();
  if (job == 0) {
    ::signal(SIGTTOU, SIG_DFL);
    be_job(plan);
  }
  ::setpgid(job, job);
  ::tcsetpgrp(STDERR_FILENO, job);
  int status = 0;
  while (::waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status)) {
    ::tcsetpgrp(STDERR_FILENO, ::getpgrp());
    termios modes{};
    ::tcgetattr(STDERR_FILENO, &modes);
    const std::string_view said = modes.c_lflag & ICANON ? "[stopped]" : "[stopped, and left raw]";
    if (::write(STDERR_FILENO, said.data(), said.size()) < 0) ::_exit(1);
    ::tcsetpgrp(STDERR_FILENO, job);
    ::kill(-job, SIGCONT);
  }
  ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

class SandboxedTerminal : public testing::Test {
 protected:
  ~SandboxedTerminal() override {
    if (shell_ <= 0) return;
    ::kill(shell_, SIGKILL);
    ::waitpid(shell_, nullptr, 0);
  }
  // `input`: what its stdin is instead of the terminal; `output` likewise.
  void start(const std::string& script, int input = -1, int output = -1) {
    Ends pty = open_pty();
    if (::geteuid() == 0 && ::fchown(pty.other.get(), nobody, nobody) != 0) FAIL() << "fchown";
    shell_ = ::fork();
    if (shell_ == 0) {
      ::setsid();
      ::ioctl(pty.other.get(), TIOCSCTTY, 0);
      for (const int standard : {0, 1, 2}) ::dup2(pty.other.get(), standard);
      if (input >= 0) ::dup2(input, STDIN_FILENO);
      if (output >= 0) ::dup2(output, STDOUT_FILENO);
      be_shell(plan_for(script));
    }
    person = std::make_unique<Talk>(pty.one.take());
  }
  int wait() {
    int status = 0;
    // Who never reads what the terminal says may be waited for in vain.
    while (::waitpid(shell_, &status, WNOHANG) == 0) person->listen(20);
    shell_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  std::unique_ptr<Talk> person;

 private:
  pid_t shell_ = -1;
};

#define EXPECT_STATUS(wanted)                                                    \
  const int status = wait();                                                     \
  if (status == no_sandbox) GTEST_SKIP() << "there are no user namespaces here"; \
  EXPECT_EQ(status, wanted) << testing::PrintToString(person->take())

TEST_F(SandboxedTerminal, IsTheCommandsOwnInEveryRespect) {
  start(
      "assert all(os.isatty(fd) for fd in (0, 1, 2))\n"
      "assert os.ttyname(0) == '/dev/pts/0' and os.listdir('/dev/pts') in (['0', 'ptmx'], ['ptmx', '0'])\n"
      "assert os.tcgetpgrp(0) == os.getpgrp()\n"
      "open('/dev/tty', 'w').write('by its name\\n')\n"
      "print(input('name? '), *os.get_terminal_size())\n"
      "m, s = os.openpty(); assert os.ttyname(s) == '/dev/pts/1'\n");
  person->say("Ada\r");
  EXPECT_STATUS(0);
  EXPECT_TRUE(person->has_heard("by its name\r\n"));
  EXPECT_TRUE(person->has_heard("Ada"));
}

TEST_F(SandboxedTerminal, LeavesNoNameOfAnotherTerminal) {
  struct stat folder {};
  ASSERT_EQ(::stat("/dev/pts", &folder), 0);
  start("assert os.stat('/dev/pts').st_dev != " + std::to_string(folder.st_dev) +
        "\n"
        "for name in os.listdir('/dev'):\n"
        "  path = '/dev/' + name\n"
        "  if name == 'tty' or not name.startswith(('tty', 'vcs', 'console')): continue\n"
        "  try: fd = os.open(path, os.O_RDWR | os.O_NOCTTY)\n"
        "  except OSError: continue\n"
        "  assert not os.isatty(fd), path\n"
        "  assert os.fstat(fd).st_rdev == os.stat('/dev/null').st_rdev, path\n");
  EXPECT_STATUS(0);
}

TEST_F(SandboxedTerminal, CannotBeTypedIntoByTheCommand) {
  start(
      "for fd in (0, 1, 2, os.open('/dev/tty', os.O_RDWR)):\n"
      "  try: fcntl.ioctl(fd, termios.TIOCSTI, b'x'); sys.exit('typed')\n"
      "  except PermissionError: pass\n");
  EXPECT_STATUS(0);
}

TEST_F(SandboxedTerminal, PassesOnWhatIsNoTerminal) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::write(ends[1], "by a pipe", 9), 9);
  ::close(ends[1]);
  start(
      "assert not os.isatty(0) and os.isatty(1) and os.isatty(2)\n"
      "print(sys.stdin.read())\n",
      ends[0]);
  ::close(ends[0]);
  EXPECT_STATUS(0);
  EXPECT_TRUE(person->has_heard("by a pipe"));
}

TEST_F(SandboxedTerminal, LeavesTheKeysToOthersOfAPipelineUntilTheCommandReads) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  start(
      "assert os.isatty(0) and not os.isatty(1) and os.isatty(2)\n"
      "sys.stderr.write('ready\\n'); sys.stdin.readline()\n"
      "sys.stderr.write('name? '); print(sys.stdin.readline())\n",
      -1, ends[1]);
  ::close(ends[1]);
  Talk pipe(ends[0]);
  person->hear("ready\r");
  person->say("\r");
  person->hear("name? ");
  person->say("Ada\r");
  EXPECT_STATUS(0);
  EXPECT_NE(pipe.hear("Ada\n").find("Ada"), std::string::npos);
}

TEST_F(SandboxedTerminal, IsAskedForAPasswordInAPipeline) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[1]);
  start("import getpass; assert getpass.getpass() == 'secret'; assert sys.stdin.read() == ''; sys.exit(4)", ends[0]);
  ::close(ends[0]);
  person->hear("Password: ");
  person->say("secret\r");
  EXPECT_STATUS(4);
  EXPECT_FALSE(person->has_heard("secret"));
}

TEST_F(SandboxedTerminal, StopsInAPipelineToo) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  start(
      "signal.signal(signal.SIGCONT, lambda *_: sys.exit(3))\n"
      "sys.stderr.write('ready\\n'); time.sleep(20)\n",
      -1, ends[1]);
  ::close(ends[1]);
  person->hear("ready");
  person->say("\032");  // the terminal is not raw: a signal for the whole job
  EXPECT_STATUS(3);
  EXPECT_TRUE(person->has_heard("[stopped]"));
  ::close(ends[0]);
}

TEST_F(SandboxedTerminal, BringsCtrlCToTheForegroundGroup) {
  start(
      "try:\n"
      "  print('ready'); time.sleep(60)\n"
      "except KeyboardInterrupt: sys.exit(7)\n");
  person->hear("ready");
  person->say("\003");
  EXPECT_STATUS(7);
}

TEST_F(SandboxedTerminal, StopsAndContinuesWithTheCommand) {
  start(
      "came = []; signal.signal(signal.SIGCONT, lambda *_: came.append(1))\n"
      "print('ready')\n"
      "while not came: time.sleep(.02)\n"
      "print('continued'); input(); sys.exit(5)\n");
  if (person->hear("ready").find("ready") != std::string::npos) {
    person->say("\032");
    person->hear("[stopped]");
    person->hear("continued");
    person->say("\r");
  }
  EXPECT_STATUS(5);
}

TEST_F(SandboxedTerminal, OutlivesAStandardOutputThatIsClosed) {
  start("print('last'); [os.close(fd) for fd in (0, 1, 2)]; time.sleep(.2); os._exit(6)");
  EXPECT_STATUS(6);
  EXPECT_TRUE(person->has_heard("last"));
}

TEST_F(SandboxedTerminal, LosesNothingOfALongOutput) {
  start("sys.stdout.write('x' * 500000 + 'the end')");
  EXPECT_STATUS(0);
  EXPECT_TRUE(person->has_heard("xthe end"));
  EXPECT_GE(person->take().size(), 500007U);
}

}  // namespace
}  // namespace sallyport
