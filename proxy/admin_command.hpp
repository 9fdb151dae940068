// `sallyport admin tokens|create-token|remove-token`: who may use the admin API over TCP.
#pragma once

namespace CLI {
class App;
}

namespace sallyport {

// `exit_status` becomes 0 for done, 1 for refused or failed, 2 for wrong usage.
void add_admin_command(CLI::App& application, int& exit_status);

}  // namespace sallyport
