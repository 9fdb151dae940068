// `sallyport attach` and `sallyport detach`.
#pragma once

namespace CLI {
class App;
}

namespace sallyport {

void add_attach_command(CLI::App& application, int& exit_status);

}  // namespace sallyport
