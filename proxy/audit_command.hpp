// `sallyport audit …`: is the log whole, and what is in it?
#pragma once

namespace CLI {
class App;
}

namespace sallyport {

// Adds the command to `application`. When it has been run, `exit_status` is 0 done, 1 refused or failed check, 2 wrong
// usage. `exit_status` must outlive the parsing.
void add_audit_command(CLI::App& application, int& exit_status);

}  // namespace sallyport
