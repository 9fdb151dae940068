// The policy file that `always` writes, while a command that must not change it is running beside it.
#pragma once
#include "approvals/approval.hpp"
#include "policy/result.hpp"
#include "proxy/sandbox/sandbox.hpp"

#include <string>
#include <string_view>

namespace sallyport {

// closed: the command can't write into the file's folder. The file is replaced as a whole then: a reader sees the old
// one or the new. open: it can, so a new file there would be the command's to write, before and after it gets its name;
// the file that is protected is written through the descriptor that was opened before the command began.
enum class PolicyFolder { closed, open };

class PolicyFile {
 public:
  // Opens the file, by whatever links lead there now. One that is not there is made by the first rule, where its folder
  // is closed. What can't be opened now is told when a rule is to be written.
  PolicyFile(const std::string& path, PolicyFolder folder);

  // As people call it.
  std::string name() const;

  // Adds a rule that lets `approval.question` through, and a comment that says who did so, when, and for which program.
  // A complaint: why the file is as it was; it says so too where the rule would not decide, as under a `deny`.
  Outcome<void> allow(const Approval& approval, std::string_view user, WallClock::time_point now);

 private:
  Outcome<std::string> read() const;
  Outcome<void> write(const std::string& text);
  Outcome<void> replace(const std::string& text);
  Outcome<void> overwrite(const std::string& text);

  std::string path_;  // without links
  PolicyFolder folder_;
  bool missing_ = false;
  OwnedFd file_;
  std::string trouble_;
};

}  // namespace sallyport
