// The approvals that wait, asked one at a time of who sits at the terminal.
#pragma once
#include "approvals/approvals.hpp"
#include "proxy/terminal/policy_file.hpp"
#include "proxy/terminal/question_text.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace sallyport {

struct AskerOptions {
  std::string user;  // who decides, for the record
  // What `always` writes; without, it is not offered. Opened before the command can touch it.
  std::unique_ptr<PolicyFile> policy;
  std::function<void()> policy_written;  // on the terminal's thread
  bool colour = false;
};

// once: scope once. This run: a grant for the agent, without an end but that of the store. always: the same, and a rule
// in the policy file; where the rule can't be written, or would not let it through, that is said and the grant stays.
// no: a denial for the agent, for the usual time of a decision.
//
// Text comes with "\r\n" and is fit for a terminal. Used by one thread; approvals outlive it.
class TerminalAsker {
 public:
  using Clock = std::chrono::steady_clock;
  // A key is an answer only after so long a silence, on a question that was visible all the while. So neither what was
  // typed ahead answers, nor a paste, nor what a terminal sends when it is asked for its state.
  static constexpr auto silence = std::chrono::milliseconds(250);
  // The same after a question has taken the place of one that went by itself: a key may be on its way to that one, and
  // who asks can choose the moment.
  static constexpr auto silence_after_another = std::chrono::milliseconds(1000);

  TerminalAsker(Approvals& approvals, AskerOptions options);
  TerminalAsker(const TerminalAsker&) = delete;
  TerminalAsker& operator=(const TerminalAsker&) = delete;
  ~TerminalAsker();

  // Readable when look() may have something to say.
  int changes() const;
  // What is to be shown now: that a question was answered elsewhere, or that nobody waits any more, and the next one.
  std::string look();
  // Whether it would show a question, had it been looked at.
  bool has_question() const { return approvals_.counts().pending != 0; }
  // Whether a question stands at the end of what was shown.
  bool stands() const { return current_.has_value(); }
  // The last text is on the screen.
  void was_drawn(Clock::time_point now);
  // What was typed while it stands; returns what is to be shown.
  std::string typed(std::string_view bytes, Clock::time_point now);
  // The question once more, for a screen that has lost it.
  std::string again() const;

 private:
  std::string answer(char key);
  std::string decide(const Decision& decision, const std::string& said, bool always = false);
  std::string remember(const Approval& approval);
  std::string withdrawal(const Approval& now) const;
  void next();

  Approvals& approvals_;
  AskerOptions options_;
  int changed_;
  Approvals::Attendance attendance_;
  std::optional<Approval> current_;
  std::size_t more_ = 0;
  bool hinted_ = false;
  bool after_another_ = false;
  std::set<std::string> waited_;  // pending questions that somebody has waited on
  Clock::time_point deaf_until_{};
  Approvals::Subscription subscription_;
};

}  // namespace sallyport
