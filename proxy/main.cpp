#include "proxy/approvals_command.hpp"
#include "proxy/audit_command.hpp"
#include "proxy/gateway_command.hpp"
#include "proxy/policy_command.hpp"
#include "proxy/serve_command.hpp"
#include "proxy/status_command.hpp"

#include <CLI/CLI.hpp>

#include <exception>
#include <iostream>

int main(int argc, char** argv) {
  CLI::App application("Sallyport: the controlled way out for AI agents.", "sallyport");
  application.set_version_flag("--version", SALLYPORT_VERSION);
  application.require_subcommand(1);
  application.failure_message([](const CLI::App* app, const CLI::Error& error) {
    return "sallyport: " + std::string(error.what()) + "\nSee `" + app->get_name() + " --help`.\n";
  });
  int exit_status = 0;
  sallyport::add_serve_command(application, exit_status);
  sallyport::add_approvals_command(application, exit_status);
  sallyport::add_status_command(application, exit_status);
  sallyport::add_policy_command(application, exit_status);
  sallyport::add_audit_command(application, exit_status);
  sallyport::add_gateway_command(application, exit_status);
  try {
    application.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return application.exit(error) == 0 ? 0 : 2;
  } catch (const std::exception& error) {
    std::cerr << "sallyport: " << error.what() << '\n';
    return 1;
  }
  return exit_status;
}
