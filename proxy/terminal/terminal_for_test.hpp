// A person's terminal and a command's, both in the hands of a test.
#pragma once
#include "proxy/terminal/terminal.hpp"

#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <poll.h>
#include <pty.h>
#include <string>
#include <termios.h>
#include <unistd.h>

namespace sallyport {

inline constexpr int patience_ms = 10'000;

// One end of something that talks.
class Talk {
 public:
  explicit Talk(int descriptor) : descriptor_(descriptor) {}

  void say(std::string_view text) const {
    ASSERT_EQ(::write(descriptor_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  // All that has come, once `text` is in it.
  const std::string& hear(std::string_view text) {
    while (heard_.find(text) == std::string::npos) {
      if (!hear_more(patience_ms)) {
        ADD_FAILURE() << "never heard " << testing::PrintToString(std::string(text)) << " in "
                      << testing::PrintToString(heard_);
        break;
      }
    }
    return heard_;
  }
  bool has_heard(std::string_view text) const { return heard_.find(text) != std::string::npos; }
  // Whatever comes within this time.
  const std::string& listen(int milliseconds) {
    while (hear_more(milliseconds)) {
    }
    return heard_;
  }
  std::string take() { return std::exchange(heard_, {}); }
  int fd() const { return descriptor_.get(); }
  void close() { descriptor_ = OwnedFd(); }

 private:
  bool hear_more(int milliseconds) {
    pollfd more{descriptor_.get(), POLLIN, 0};
    if (::poll(&more, 1, milliseconds) != 1) return false;
    std::array<char, 4096> bytes;
    const ssize_t size = ::read(descriptor_.get(), bytes.data(), bytes.size());
    if (size > 0) heard_.append(bytes.data(), static_cast<std::size_t>(size));
    return size > 0;
  }

  OwnedFd descriptor_;
  std::string heard_;
};

struct Ends {
  OwnedFd one, other;
};

inline Ends open_pty() {
  int master = -1, slave = -1;
  if (::openpty(&master, &slave, nullptr, nullptr, nullptr) != 0) ADD_FAILURE() << "openpty";
  return {OwnedFd(master), OwnedFd(slave)};
}

inline Ends open_pair() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) ADD_FAILURE() << "socketpair";
  return {OwnedFd(ends[0]), OwnedFd(ends[1])};
}

// `person` is in front of the real terminal, `command` behind its own.
class Desk {
 public:
  Desk() : Desk(open_pty(), open_pty(), open_pair()) {}

  void begin(std::unique_ptr<TerminalAsker> asker = nullptr) {
    const auto begun = terminal.begin(std::move(for_relay_), std::move(asker));
    ASSERT_TRUE(begun.has_value()) << begun.error().text;
  }
  termios modes() const {
    termios modes{};
    ::tcgetattr(real_.get(), &modes);
    return modes;
  }
  void resize(unsigned short rows, unsigned short columns) const {
    const winsize size{rows, columns, 0, 0};
    ASSERT_EQ(::ioctl(person.fd(), TIOCSWINSZ, &size), 0);
  }
  winsize command_size() const {
    winsize size{};
    ::ioctl(command.fd(), TIOCGWINSZ, &size);
    return size;
  }

  Talk person, command, jobs;
  Terminal terminal;

 private:
  Desk(Ends real, Ends own, Ends pair)
      : person(real.one.take()),
        command(own.other.take()),
        jobs(pair.one.take()),
        terminal(OwnedFd(::dup(real.other.get()))),
        real_(std::move(real.other)),
        for_relay_{std::move(own.one), std::move(pair.other)} {}

  OwnedFd real_;
  SandboxTerminal for_relay_;
};

}  // namespace sallyport
