// `sallyport status`: whether it runs, whether it guards, and how much waits.
#pragma once

namespace CLI {
class App;
}

namespace sallyport {

// `exit_status` becomes 1 where the daemon does not run or does not guard.
void add_status_command(CLI::App& application, int& exit_status);

}  // namespace sallyport
