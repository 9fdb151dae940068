// What somebody said on the command line of `sallyport run`, and what it means to the parts.
#pragma once
#include "policy/policy.hpp"
#include "proxy/config.hpp"
#include "proxy/run_session.hpp"
#include "proxy/run_user.hpp"
#include "proxy/sandbox/sandbox.hpp"

#include <memory>
#include <string>
#include <vector>

namespace sallyport {

struct RunWords {
  std::string policy, config, agent, ask, learn, audit;
  std::vector<std::string> shared, command;
};

// Who answers: what was said, else the terminal, else nobody, with a word about it. Throws std::runtime_error where the
// words contradict each other.
enum class OnTerminal { no, yes };
Ask ask_of(const RunWords& words, OnTerminal on_terminal);

// sallyport.yaml, or the defaults, with no door but the attached one and a data folder of this run's own.
Config run_config(const RunWords& words, const RunUser& user, Ask ask);

// The file that was named, the user's own, or, where there is none, `default: ask`. Throws with every complaint, and
// where the agent that was named is none of the policy's.
std::shared_ptr<const Policy> run_policy(const RunWords& words, const Config& config);

// The environment and folder of this process. Throws where a path is none.
SandboxPlan run_plan(const RunWords& words, const RunUser& user, const Config& config, const Policy& policy);

// Whether the plan keeps the command from writing in the policy's folder.
PolicyFolder policy_folder(const SandboxPlan& plan, const Config& config);

}  // namespace sallyport
