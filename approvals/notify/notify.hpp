// Tells people and programs of questions and answers, and asks the decider: all of it on a thread of its own, so that
// neither a door nor a decision ever waits for it.
//
// A question is told of once, when it is new. After a restart, questions that are still open are not told of again;
// the decider, whose answer may have been lost, is asked about them once more, with the same webhook-id.
#pragma once
#include "approvals/approvals.hpp"
#include "approvals/notify/options.hpp"

#include <memory>
#include <string>
#include <vector>

namespace sallyport {

class Notify {
 public:
  // Begins at once; does nothing where nothing is configured. `upstream` are the DNS servers to find receivers by,
  // empty: the system's. `approvals` outlives this. Throws std::runtime_error where something configured cannot be
  // used. A notifier that is told of questions counts as somebody who could answer. The decider does not: a hold that
  // only it could answer waits for its time limit alone.
  Notify(Approvals& approvals, const NotifyOptions& options, std::vector<std::string> upstream);
  // Ends what is under way; what was not told by then is not told.
  ~Notify();
  Notify(const Notify&) = delete;
  Notify& operator=(const Notify&) = delete;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sallyport
