#include "proxy/watch_terminal.hpp"

#include <sys/ioctl.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <string_view>
#include <termios.h>
#include <unistd.h>
#include <utility>

namespace sallyport {
namespace {

constexpr std::string_view enter = "\033[?1049h\033[?25l\033[2J";
constexpr std::string_view leave = "\033[?25h\033[?1049l";
constexpr std::array ending{SIGINT, SIGTERM, SIGHUP, SIGQUIT};
constexpr std::array crashing{SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE};

// A signal handler sees nothing but these.
termios before;
std::array<int, 2> signal_pipe{-1, -1};

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = ::write(STDOUT_FILENO, text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return;  // the terminal has gone; its end is noticed elsewhere
    text.remove_prefix(static_cast<std::size_t>(size));
  }
}

void give_back() {
  write_all(leave);
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
}

void tell(int number) {
  const int error = errno;
  const char byte = number == SIGWINCH ? 'w' : 'e';
  // A full pipe holds enough of them already.
  [[maybe_unused]] const ssize_t size = ::write(signal_pipe[1], &byte, 1);
  errno = error;
}

void crash(int number) {
  give_back();
  ::raise(number);  // its usual action is back in force (SA_RESETHAND)
}

void handle(int number, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(number, &action, nullptr);
}

}  // namespace

Outcome<WatchTerminal> WatchTerminal::take() {
  if (::tcgetattr(STDIN_FILENO, &before) != 0) return Complaint{"the terminal cannot be used"};
  if (::pipe2(signal_pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0) return Complaint{"cannot make a pipe"};
  for (const int number : ending) handle(number, tell, 0);
  handle(SIGWINCH, tell, 0);
  for (const int number : crashing) handle(number, crash, static_cast<int>(SA_RESETHAND | SA_NODEFER));
  termios raw = before;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  raw.c_cc[VSUSP] = _POSIX_VDISABLE;  // a stopped watch would leave its screen behind
  // What was typed before there was anything to see decides nothing.
  if (::tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) != 0) return Complaint{"the terminal cannot be used"};
  write_all(enter);
  WatchTerminal terminal;
  terminal.owns_ = true;
  terminal.measure();
  return terminal;
}

WatchTerminal::WatchTerminal(WatchTerminal&& other) noexcept
    : owns_(std::exchange(other.owns_, false)),
      rows_(other.rows_),
      places_(other.places_),
      last_(std::move(other.last_)) {}

WatchTerminal::~WatchTerminal() {
  if (!owns_) return;
  give_back();
  for (const int number : crashing) handle(number, SIG_DFL, 0);
  for (const int number : ending) handle(number, SIG_DFL, 0);
  handle(SIGWINCH, SIG_DFL, 0);
  for (int& end : signal_pipe) ::close(std::exchange(end, -1));
}

int WatchTerminal::signals() const {
  return signal_pipe[0];
}

WatchTerminal::Signal WatchTerminal::next_signal() const {
  char byte = 0;
  if (::read(signal_pipe[0], &byte, 1) != 1) return Signal::none;
  return byte == 'w' ? Signal::resized : Signal::end;
}

void WatchTerminal::measure() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row != 0 && size.ws_col != 0) {
    rows_ = size.ws_row;
    places_ = size.ws_col;
  }
  last_.clear();
}

void WatchTerminal::draw(const std::vector<std::string>& lines) {
  // Shown at once by terminals that know how (mode 2026); the others overwrite line by line, without clearing first.
  std::string frame = "\033[?2026h\033[H";
  for (std::size_t at = 0; at < lines.size(); ++at) frame += (at == 0 ? "" : "\r\n") + lines[at] + "\033[K";
  frame += "\033[J\033[?2026l";
  if (frame == last_) return;
  write_all(frame);
  last_ = std::move(frame);
}

std::string WatchTerminal::read_keys() const {
  std::array<char, 256> bytes;
  const ssize_t size = ::read(STDIN_FILENO, bytes.data(), bytes.size());
  return size > 0 ? std::string(bytes.data(), static_cast<std::size_t>(size)) : std::string();
}

}  // namespace sallyport
