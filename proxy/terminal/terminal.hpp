// The user's terminal while a command runs behind one of its own, and the questions that are asked on it.
//
//   auto terminal = Terminal::find();               // before the sandbox
//   plan.terminal = terminal != nullptr;
//   auto sandbox = Sandbox::start(plan);
//   Terminal::block_signals();                      // before the first thread
//   …
//   terminal->begin(std::move(sandbox->terminal), std::make_unique<TerminalAsker>(approvals, options));
//   sandbox->release();                             // and wait for its end
//   terminal->end();                                // before anything else is written
#pragma once
#include "policy/result.hpp"
#include "proxy/sandbox/sandbox.hpp"
#include "proxy/terminal/asker.hpp"

#include <memory>

namespace sallyport {

// The real terminal is in raw mode while the command is in the foreground: what is typed goes to the command's
// terminal, which makes Ctrl-C and Ctrl-Z signals of the command's own group; what it prints goes here; the sizes are
// kept equal. When the command is stopped, the terminal is given back and this whole process group stops, until
// SIGCONT.
//
// Where stdin or stdout is no terminal, others of the pipeline may want this one: nothing is read but answers, and the
// mode stays as it is between them, until the command reads its own. Till then signals of the keys come to this
// process: hand them to Sandbox::To::group.
//
// While a question stands, nothing that the command prints is shown. What was typed before it is the command's; what is
// typed until an answer counts, and that is no answer, is nobody's.
class Terminal {
 public:
  // The terminal among our standard descriptors; null: none of them is one.
  static std::unique_ptr<Terminal> find();
  // This one, which can be read and written.
  enum class Use { alone, in_pipeline };
  explicit Terminal(OwnedFd real, Use use = Use::alone);
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal();

  // SIGWINCH, SIGTSTP and SIGCONT are its own from then on: no other thread and no other signalfd may take them.
  static void block_signals();

  // Begins a thread that owns the terminal. Without an asker no question is asked here.
  Outcome<void> begin(SandboxTerminal of_command, std::unique_ptr<TerminalAsker> asker);
  // Shows what the command still said and gives the terminal back as it was. Also done by the destructor; the modes
  // come back at exit() and in a crash as well.
  void end();

 private:
  class Relay;
  std::unique_ptr<Relay> relay_;
};

}  // namespace sallyport
