// The user's terminal: its modes, given back however the program ends.
#pragma once
#include "proxy/sandbox/sandbox.hpp"

#include <sys/ioctl.h>

#include <string>
#include <string_view>
#include <termios.h>

namespace sallyport {

class RealTerminal {
 public:
  explicit RealTerminal(OwnedFd terminal);
  RealTerminal(const RealTerminal&) = delete;
  RealTerminal& operator=(const RealTerminal&) = delete;
  ~RealTerminal();

  int fd() const { return terminal_.get(); }
  // The modes it had, for the command's own.
  const termios& modes() const { return before_; }
  winsize size() const;
  // Whether the shell has given it to our job. Where it is no terminal of ours to lose, it always is.
  bool is_ours() const;

  // Every key comes at once and unechoed. Only while it is ours. alone: no key means anything, and what is written is
  // shown as it is. shared: with others of a pipeline, who need line ends, and the signals of keys.
  enum class Raw { alone, shared };
  void make_raw(Raw how);
  void give_back();
  bool is_raw() const { return raw_; }

  // All of it, however long the terminal takes; what has gone takes nothing.
  void write(std::string_view text);
  // What shows nothing.
  void control(std::string_view sequences);
  // Whether the cursor stands at the left, as far as what was written tells.
  bool at_left() const { return at_left_; }
  // What has been typed; nullopt: the terminal has gone.
  bool read(std::string& typed);
  bool has_typed() const;

 private:
  OwnedFd terminal_;
  termios before_{};
  bool raw_ = false, at_left_ = true;
};

// Whether TERM says that the terminal knows control sequences.
bool knows_sequences();

// What makes a question visible whatever was printed before: ends what a command has begun (a control sequence, a
// title), and takes back what hides text (colours, character sets, margins, pictures, an update that is never
// finished). Empty where it knows none.
std::string_view before_question();
std::string_view after_question();

}  // namespace sallyport
