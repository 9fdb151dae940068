#include "proxy/serve_command.hpp"

#include "proxy/daemon.hpp"

#include <CLI/CLI.hpp>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <iostream>
#include <memory>
#include <string>

namespace sallyport {
namespace {

int run_serve(const std::string& file) {
  // The operational log is for the operator, on standard error; standard output says where it listens.
  spdlog::set_default_logger(spdlog::stderr_color_mt("sallyport"));
  spdlog::set_pattern("%H:%M:%S %^%l%$ %v");
  Config config = Config::embedded();
  if (!file.empty()) {
    auto loaded = load_config(file);
    if (!loaded) {
      for (const auto& complaint : loaded.error()) std::cerr << complaint.text << '\n';
      return 1;
    }
    config = std::move(*loaded);
  }
  return serve(config);
}

}  // namespace

void add_serve_command(CLI::App& application, int& exit_status) {
  auto* command = application.add_subcommand("serve", "Run the daemon");
  auto file = std::make_shared<std::string>();
  command->add_option("-c,--config", *file, "sallyport.yaml; without it: proxy 127.0.0.1:3128, DNS 127.0.0.1:15053");
  command->callback([file, &exit_status] { exit_status = run_serve(*file); });
}

}  // namespace sallyport
