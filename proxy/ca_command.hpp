// `sallyport ca`: the CA that inspected connections are signed by, for those who are to trust it.
#pragma once

namespace CLI {
class App;
}

namespace sallyport {

void add_ca_command(CLI::App& application, int& exit_status);

}  // namespace sallyport
