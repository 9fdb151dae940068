// `sallyport approvals watch`: a live view where one key decides.
#pragma once

namespace CLI {
class App;
}

namespace sallyport {

void add_watch_command(CLI::App& approvals, int& exit_status);

}  // namespace sallyport
