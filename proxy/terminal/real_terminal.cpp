#include "proxy/terminal/real_terminal.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <poll.h>
#include <unistd.h>

namespace sallyport {
namespace {

constexpr std::array crashing{SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE};
constexpr int slow_ms = 1000;

// A signal handler sees nothing but these; -1: there is nothing to give back.
std::atomic<int> raw_terminal{-1};
termios raw_before;

void give_back_now() {
  const int terminal = raw_terminal.exchange(-1);
  if (terminal >= 0) ::tcsetattr(terminal, TCSANOW, &raw_before);
}

void crash(int number) {
  give_back_now();
  ::raise(number);  // its usual action is back in force (SA_RESETHAND)
}

void watch_for_the_end() {
  static const bool once = [] {
    std::atexit(give_back_now);
    struct sigaction action {};
    action.sa_handler = crash;
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
    ::sigemptyset(&action.sa_mask);
    for (const int number : crashing) ::sigaction(number, &action, nullptr);
    return true;
  }();
  static_cast<void>(once);
}

}  // namespace

bool knows_sequences() {
  const char* kind = std::getenv("TERM");
  return kind && *kind && std::string_view(kind) != "dumb";
}

RealTerminal::RealTerminal(OwnedFd terminal) : terminal_(std::move(terminal)) {
  ::tcgetattr(fd(), &before_);
}

RealTerminal::~RealTerminal() {
  give_back();
}

winsize RealTerminal::size() const {
  winsize size{};
  if (::ioctl(fd(), TIOCGWINSZ, &size) != 0) size = {24, 80, 0, 0};
  return size;
}

bool RealTerminal::is_ours() const {
  const pid_t group = ::tcgetpgrp(fd());
  return group < 0 || group == ::getpgrp();
}

void RealTerminal::make_raw(Raw how) {
  if (raw_ || !is_ours() || ::tcgetattr(fd(), &before_) != 0) return;
  termios raw = before_;
  ::cfmakeraw(&raw);
  if (how == Raw::shared) {
    raw.c_oflag = before_.c_oflag;
    raw.c_lflag |= before_.c_lflag & static_cast<tcflag_t>(ISIG);
  }
  watch_for_the_end();
  raw_before = before_;
  raw_terminal = fd();
  // What has been typed already stays, for whoever it is meant.
  raw_ = ::tcsetattr(fd(), TCSANOW, &raw) == 0;
}

void RealTerminal::give_back() {
  if (!std::exchange(raw_, false)) return;
  if (is_ours()) ::tcsetattr(fd(), TCSANOW, &before_);
  raw_terminal = -1;
}

void RealTerminal::write(std::string_view text) {
  if (!text.empty()) at_left_ = text.back() == '\n' || text.back() == '\r';
  while (!text.empty()) {
    const ssize_t size = ::write(fd(), text.data(), text.size());
    if (size > 0) {
      text.remove_prefix(static_cast<std::size_t>(size));
      continue;
    }
    if (size < 0 && errno == EAGAIN) {  // somebody who shares it has made it so
      pollfd room{fd(), POLLOUT, 0};
      ::poll(&room, 1, slow_ms);
    } else if (size == 0 || errno != EINTR) {
      return;
    }
  }
}

void RealTerminal::control(std::string_view sequences) {
  const bool at_left = at_left_;
  write(sequences);
  at_left_ = at_left;
}

bool RealTerminal::read(std::string& typed) {
  std::array<char, 1024> bytes;
  const ssize_t size = ::read(fd(), bytes.data(), bytes.size());
  if (size > 0) typed.assign(bytes.data(), static_cast<std::size_t>(size));
  return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
}

bool RealTerminal::has_typed() const {
  pollfd typed{fd(), POLLIN, 0};
  return ::poll(&typed, 1, 0) == 1 && (typed.revents & POLLIN) != 0;
}

std::string_view before_question() {
  if (!knows_sequences()) return {};
  // ST and CAN; pictures that would lie over the text (kitty) are taken away; the place is kept over what moves the
  // cursor (margins, origin), and then the rest; keys as they are.
  return "\033\\\030\033_Ga=d\033\\\017\0337\033[?69l\033[r\033[?6l\0338\033(B\033[0m\033[4l\033[4i\033[?7h\033[?"
         "25h\033[?2026l"
         "\033]104\033\\\033]110\033\\\033]111\033\\\033[>0u";
}

std::string_view after_question() {
  return knows_sequences() ? "\033[<u" : "";
}

}  // namespace sallyport
