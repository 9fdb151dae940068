#include "proxy/terminal/relay.hpp"

#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace sallyport {
namespace {

// Nothing tells when the shell gives the terminal back to a job that was running.
constexpr int background_ms = 250;
constexpr int last_words_ms = 200;
constexpr std::size_t output_size = 16384, most_typed_ahead = 4096;
// Ctrl-C, Ctrl-Z and Ctrl-\ are for the command, also while a question stands: who wants it ended need not answer
// first.
constexpr std::string_view command_keys = "\003\032\034";

sigset_t set_of(std::initializer_list<int> numbers) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : numbers) ::sigaddset(&set, number);
  return set;
}

}  // namespace

struct Terminal::Relay::Ready {
  bool woken, signal, job, changed, output, room, keys;
};

Outcome<void> Terminal::Relay::begin(SandboxTerminal of_command, std::unique_ptr<TerminalAsker> asker) {
  command_ = std::move(of_command);
  asker_ = std::move(asker);
  const sigset_t own = set_of({SIGWINCH, SIGTSTP, SIGCONT});
  signals_ = OwnedFd(::signalfd(-1, &own, SFD_CLOEXEC | SFD_NONBLOCK));
  wake_ = OwnedFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const int master = command_.master.get();
  const bool ready = signals_.get() >= 0 && wake_.get() >= 0 && ::fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK) == 0 &&
                     ::tcsetattr(master, TCSANOW, &real_.modes()) == 0;
  if (!ready) return Complaint{"the terminal can't be used: ", std::strerror(errno)};
  tell_size();
  thread_ = std::thread([this] { run(); });
  return {};
}

void Terminal::Relay::end() {
  if (!thread_.joinable()) return;
  ending_ = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t size = ::write(wake_.get(), &one, sizeof one);
  thread_.join();
  asker_.reset();
}

void Terminal::Relay::run() {
  take();
  while (!ending_) turn(wait());
  put_question_away();
  while (copy_output(last_words_ms)) {
  }
  real_.give_back();
}

Terminal::Relay::Ready Terminal::Relay::wait() const {
  const bool paused = question_stands();
  const bool listening = !gone_ && (has_keys_ || paused) && real_.is_raw();
  const auto wanted = [](bool yes, int descriptor) { return yes ? descriptor : -1; };
  const short room = to_command_.empty() ? 0 : POLLOUT;
  const short output = paused || silent_ ? 0 : POLLIN;
  // Its end is noticed in any case.
  const short keys = listening && to_command_.size() < most_typed_ahead ? POLLIN : 0;
  std::array<pollfd, 6> all{
      pollfd{wake_.get(), POLLIN, 0},
      pollfd{signals_.get(), POLLIN, 0},
      pollfd{command_.jobs.get(), POLLIN, 0},
      pollfd{asker_ ? asker_->changes() : -1, POLLIN, 0},
      pollfd{wanted((room | output) != 0, command_.master.get()), static_cast<short>(room | output), 0},
      pollfd{wanted(!gone_, real_.fd()), keys, 0},
  };
  const bool background = !real_.is_ours() || (has_keys_ && !real_.is_raw());
  ::poll(all.data(), all.size(), background && !gone_ ? background_ms : -1);
  const auto is = [&all](std::size_t at, int what) { return (all[at].revents & what) != 0; };
  constexpr int any = POLLIN | POLLHUP | POLLERR;
  return {is(0, any), is(1, any), is(2, any), is(3, any), output != 0 && is(4, any), is(4, POLLOUT), is(5, any)};
}

void Terminal::Relay::turn(const Ready& ready) {
  if (ready.signal) read_signals();
  if (ready.job) read_job();
  take();
  if (ready.keys) read_keys();
  if (ready.room) flush_to_command();
  if (ready.output) copy_output(0);
  look_ = look_ || ready.changed;
  ask();
}

// Whatever the foreground lets us have of the terminal.
void Terminal::Relay::take() {
  if (gone_ || real_.is_raw() || !(has_keys_ || question_stands())) return;
  real_.make_raw(use_ == Use::alone ? RealTerminal::Raw::alone : RealTerminal::Raw::shared);
}

void Terminal::Relay::read_signals() {
  bool resized = false, stopped = false, continued = false;
  signalfd_siginfo got{};
  while (::read(signals_.get(), &got, sizeof got) == sizeof got) {
    resized = resized || got.ssi_signo == SIGWINCH;
    stopped = stopped || got.ssi_signo == SIGTSTP;
    continued = continued || got.ssi_signo == SIGCONT;
  }
  if (resized) tell_size();
  // By the command's own terminal, as its own key would; when it has stopped, so do we.
  if (stopped && has_keys_) ::ioctl(command_.master.get(), TIOCSIG, SIGTSTP);
  if (stopped && !has_keys_) tell_job(job_to_stop);
  if (continued && !stopped) go_on();
}

void Terminal::Relay::tell_size() {
  const winsize size = real_.size();
  ::ioctl(command_.master.get(), TIOCSWINSZ, &size);
}

// A question has been drawn over whatever the command shows. Any change of the size, be it of pixels, is a signal.
void Terminal::Relay::redraw_command() {
  winsize size = real_.size();
  winsize now{};
  if (::ioctl(command_.master.get(), TIOCGWINSZ, &now) != 0) return;
  if (now.ws_xpixel == size.ws_xpixel) size.ws_xpixel ^= 1U;
  ::ioctl(command_.master.get(), TIOCSWINSZ, &size);
}

void Terminal::Relay::read_keys() {
  std::string typed;
  if (!real_.read(typed)) {
    gone_ = true;
    asker_.reset();  // nobody is there who could answer
    return;
  }
  if (!question_stands()) return give_to_command(typed);
  std::string for_command;
  for (const char key : typed) {
    if (command_keys.find(key) != std::string_view::npos) for_command += key;
  }
  give_to_command(for_command);
  real_.write(asker_->typed(typed, TerminalAsker::Clock::now()));
  look_ = look_ || !asker_->stands();
}

void Terminal::Relay::give_to_command(std::string_view typed) {
  to_command_ += typed.substr(0, most_typed_ahead - std::min(most_typed_ahead, to_command_.size()));
  flush_to_command();
}

void Terminal::Relay::flush_to_command() {
  while (!to_command_.empty()) {
    const ssize_t size = ::write(command_.master.get(), to_command_.data(), to_command_.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return to_command_.clear();
    to_command_.erase(0, static_cast<std::size_t>(size));
  }
}

// Waits so long for something to come; false: nothing has, or nothing will.
bool Terminal::Relay::copy_output(int wait_ms) {
  pollfd output{command_.master.get(), POLLIN, 0};
  if (wait_ms != 0 && ::poll(&output, 1, wait_ms) <= 0) return false;
  std::array<char, output_size> bytes;
  const ssize_t size = ::read(command_.master.get(), bytes.data(), bytes.size());
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (size <= 0) {
    silent_ = true;
    return false;
  }
  if (!gone_) real_.write(std::string_view(bytes.data(), static_cast<std::size_t>(size)));
  return true;
}

void Terminal::Relay::ask() {
  const bool undrawn = question_stands() && !drawn_;
  if (!asker_ || gone_ || !(look_ || undrawn)) return;
  if (!real_.is_ours()) return ask_for_foreground();
  told_ = false;
  look_ = false;
  // What was typed until now was meant for the command.
  std::string typed;
  while (!asker_->stands() && has_keys_ && real_.has_typed() && real_.read(typed)) give_to_command(typed);
  const std::string news = asker_->look();
  if (!asker_->stands()) {
    real_.write(news);
    put_question_away();
  } else if (!news.empty() || undrawn) {
    take();
    draw(news.empty() ? asker_->again() : news);
  }
}

// In the background nobody can answer.
void Terminal::Relay::ask_for_foreground() {
  drawn_ = false;
  const bool waits = question_stands() || asker_->has_question();
  if (waits && !told_) real_.write("\r\nsallyport: a question waits for an answer: fg\r\n");
  told_ = waits;
}

void Terminal::Relay::draw(const std::string& text) {
  if (!drawn_) real_.control(before_question());
  drawn_ = true;
  if (!real_.at_left() && !text.starts_with('\r')) real_.write("\r\n");
  real_.write(text);
  asker_->was_drawn(TerminalAsker::Clock::now());
}

void Terminal::Relay::put_question_away() {
  if (!drawn_) return;
  drawn_ = false;
  if (!real_.at_left()) real_.write("\r\n");
  real_.control(after_question());
  if (!has_keys_) real_.give_back();
  redraw_command();
}

void Terminal::Relay::read_job() {
  char word = 0;
  const ssize_t got = ::recv(command_.jobs.get(), &word, 1, MSG_DONTWAIT);
  if (got == 0) command_.jobs = OwnedFd();  // the sandbox has ended
  if (got != 1) return;
  if (word == job_wants && real_.is_ours()) {
    has_keys_ = true;
    take();
    tell_job(job_to_foreground);
  } else {
    stop();
  }
}

// As the shell expects of its job when Ctrl-Z was pressed. Every thread has SIGTSTP blocked, so it waits for this one;
// where nobody would ever continue us (an orphaned group), the kernel lets it pass without effect.
void Terminal::Relay::stop() {
  if (!question_stands()) copy_output(0);
  if (drawn_) real_.write("\r\n");
  real_.give_back();
  ::kill(0, SIGTSTP);
  const sigset_t stopping = set_of({SIGTSTP});
  ::pthread_sigmask(SIG_UNBLOCK, &stopping, nullptr);
  ::pthread_sigmask(SIG_BLOCK, &stopping, nullptr);
  signalfd_siginfo told{};
  while (::read(signals_.get(), &told, sizeof told) == sizeof told) {
  }
  go_on();
}

void Terminal::Relay::go_on() {
  drawn_ = false;
  // The terminal may have been left raw, if we were stopped by what can't be noticed; others have set it since.
  real_.give_back();
  take();
  tell_size();
  tell_job(job_continue);
}

void Terminal::Relay::tell_job(char word) const {
  static_cast<void>(::send(command_.jobs.get(), &word, 1, MSG_NOSIGNAL | MSG_DONTWAIT));
}

}  // namespace sallyport
