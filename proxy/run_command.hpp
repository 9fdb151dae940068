// `sallyport run`: a command whose only way out is this process.
#pragma once

namespace CLI {
class App;
}

namespace sallyport {

// As add_serve_command(); `exit_status` is the command's own where it ran.
void add_run_command(CLI::App& application, int& exit_status);

}  // namespace sallyport
