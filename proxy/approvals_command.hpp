// `sallyport approvals list|watch|approve|deny|grants|revoke`.
#pragma once

namespace CLI {
class App;
}

namespace sallyport {

// `exit_status` becomes 0 for done, 1 for refused or failed, 2 for wrong usage.
void add_approvals_command(CLI::App& application, int& exit_status);

// Its parts.
void add_approvals_listings(CLI::App& approvals, int& exit_status);
void add_approvals_decisions(CLI::App& approvals, int& exit_status);

}  // namespace sallyport
