// `sallyport gateway print|apply|remove`: the rules of a router or a host bridge.
#pragma once

namespace CLI {
class App;
}

namespace sallyport {

// Adds the command to `application`. When it has been run, `exit_status` is 0 done, 1 refused, 2 wrong usage;
// print writes to standard output, complaints go to standard error. `exit_status` must outlive the parsing.
void add_gateway_command(CLI::App& application, int& exit_status);

}  // namespace sallyport
