// One command behind the pipeline of `serve`, from its start to its end.
#pragma once
#include "policy/policy.hpp"
#include "proxy/config.hpp"
#include "proxy/inspection/inspection.hpp"
#include "proxy/sandbox/sandbox.hpp"
#include "proxy/terminal/policy_file.hpp"
#include "proxy/terminal/terminal.hpp"

#include <csignal>
#include <memory>
#include <string>

namespace sallyport {

// Who answers where no rule decides. approve: everything that is asked is allowed, to learn from it.
enum class Ask { deny, console, terminal, approve };

struct RunOptions {
  std::string agent;
  Ask ask = Ask::deny;
  std::string state;  // the user's folder for what outlives this run: the key that signs logs
  PolicyFolder policy_folder = PolicyFolder::closed;
  const Inspection* inspection = nullptr;  // null: no rule may want it
  std::string user;                        // who answers on the terminal, for the record
  sigset_t forwarded{};                    // signals to hand on; blocked in every thread
};

// Returns the command's exit status. Throws std::runtime_error where it can't start; the command has not run then.
// `terminal`: the one that the sandbox has been given one for; may be null.
int run_session(const Config& config, std::shared_ptr<const Policy> policy, Sandbox sandbox,
                std::unique_ptr<Terminal> terminal, const RunOptions& options);

}  // namespace sallyport
