#include "proxy/approvals_command.hpp"

#include "proxy/watch_command.hpp"

#include <CLI/CLI.hpp>

namespace sallyport {

void add_approvals_command(CLI::App& application, int& exit_status) {
  CLI::App* approvals = application.add_subcommand("approvals", "What agents ask for: show it, decide, take it back");
  approvals->require_subcommand(1);
  add_approvals_listings(*approvals, exit_status);
  add_watch_command(*approvals, exit_status);
  add_approvals_decisions(*approvals, exit_status);
}

}  // namespace sallyport
