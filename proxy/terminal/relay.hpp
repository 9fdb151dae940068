// The thread that owns the real terminal.
#pragma once
#include "proxy/terminal/asker.hpp"
#include "proxy/terminal/real_terminal.hpp"
#include "proxy/terminal/terminal.hpp"

#include <atomic>
#include <string>
#include <thread>

namespace sallyport {

class Terminal::Relay {
 public:
  Relay(OwnedFd real, Use use) : real_(std::move(real)), use_(use), has_keys_(use == Use::alone) {}
  ~Relay() { end(); }

  Outcome<void> begin(SandboxTerminal of_command, std::unique_ptr<TerminalAsker> asker);
  void end();

 private:
  struct Ready;

  void run();
  Ready wait() const;
  void turn(const Ready& ready);
  void read_signals();
  void read_keys();
  void read_job();
  void show_output();
  bool copy_output(int wait_ms);
  void give_to_command(std::string_view typed);
  void flush_to_command();

  void ask();
  void ask_for_foreground();
  void draw(const std::string& text);
  void put_question_away();
  bool question_stands() const { return asker_ && asker_->stands(); }

  void take();
  void stop();
  void go_on();
  void tell_size();
  void tell_job(char word) const;
  void redraw_command();

  RealTerminal real_;
  Use use_;
  bool has_keys_;  // what is typed is the command's
  SandboxTerminal command_;
  std::unique_ptr<TerminalAsker> asker_;
  OwnedFd signals_, wake_;
  std::string to_command_;
  bool look_ = true;     // the asker may have something to say
  bool drawn_ = false;   // what the screen needs for a question has been sent
  bool told_ = false;    // that a question waits for the foreground
  bool gone_ = false;    // the real terminal has
  bool silent_ = false;  // the command's has no writer any more
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace sallyport
