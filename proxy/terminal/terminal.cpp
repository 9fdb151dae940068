#include "proxy/terminal/terminal.hpp"

#include "proxy/terminal/relay.hpp"

#include <csignal>
#include <fcntl.h>
#include <unistd.h>

namespace sallyport {
namespace {

bool can_be_used(int terminal) {
  const int flags = ::isatty(terminal) == 1 ? ::fcntl(terminal, F_GETFL) : -1;
  return flags >= 0 && (flags & O_ACCMODE) == O_RDWR;
}

}  // namespace

std::unique_ptr<Terminal> Terminal::find() {
  bool any = false;
  OwnedFd found;
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    any = any || ::isatty(standard) == 1;
    if (found.get() < 0 && can_be_used(standard)) found = OwnedFd(::fcntl(standard, F_DUPFD_CLOEXEC, 3));
  }
  if (any && found.get() < 0) found = OwnedFd(::open("/dev/tty", O_RDWR | O_CLOEXEC));
  if (found.get() < 0) return nullptr;
  const bool alone = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  return std::make_unique<Terminal>(std::move(found), alone ? Use::alone : Use::in_pipeline);
}

Terminal::Terminal(OwnedFd real, Use use) : relay_(std::make_unique<Relay>(std::move(real), use)) {}

Terminal::~Terminal() = default;

void Terminal::block_signals() {
  sigset_t own;
  ::sigemptyset(&own);
  for (const int number : {SIGWINCH, SIGTSTP, SIGCONT, SIGTTOU}) ::sigaddset(&own, number);
  ::pthread_sigmask(SIG_BLOCK, &own, nullptr);
}

Outcome<void> Terminal::begin(SandboxTerminal of_command, std::unique_ptr<TerminalAsker> asker) {
  return relay_->begin(std::move(of_command), std::move(asker));
}

void Terminal::end() {
  relay_->end();
}

}  // namespace sallyport
