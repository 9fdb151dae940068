// `sallyport policy diff|replay|learn`: two policies, and a policy beside a log.
#pragma once

namespace CLI {
class App;
}

namespace sallyport {

// Each adds a command to `policy`; `exit_status` as add_policy_command() says.
void add_diff_command(CLI::App& policy, int& exit_status);
void add_replay_command(CLI::App& policy, int& exit_status);
void add_learn_command(CLI::App& policy, int& exit_status);

}  // namespace sallyport
