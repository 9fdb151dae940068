#include "policy/yaml.hpp"
#include "proxy/admin_command.hpp"
#include "proxy/approvals_command.hpp"
#include "proxy/attach_command.hpp"
#include "proxy/audit_command.hpp"
#include "proxy/ca_command.hpp"
#include "proxy/gateway_command.hpp"
#include "proxy/policy_command.hpp"
#include "proxy/run_command.hpp"
#include "proxy/serve_command.hpp"
#include "proxy/status_command.hpp"
#include "telemetry/safe_text.hpp"

#include <CLI/CLI.hpp>

#include <exception>
#include <iostream>
#include <string>
#include <vector>

namespace {

// Where the words on the command line lead, before their options are read.
struct Walk {
  const CLI::App* command;
  std::string path;     // "sallyport approvals"
  std::string unknown;  // the first word that is no subcommand where one is needed
  bool wants_help = false;
  bool needs_more = false;
};

Walk walk(const CLI::App& application, int argc, char** argv) {
  Walk walk{&application, "sallyport", {}};
  int at = 1;
  for (; at < argc && argv[at][0] != '-'; ++at) {
    const std::string word = argv[at];
    if (walk.command->get_subcommands({}).empty()) break;
    if (at == 1 && word == "help") {
      walk.wants_help = true;
      continue;
    }
    const auto next = walk.command->get_subcommands([&word](const CLI::App* each) { return each->get_name() == word; });
    if (next.empty()) {
      walk.unknown = word;
      break;
    }
    walk.command = next.front();
    walk.path += ' ' + word;
  }
  walk.needs_more = at == argc && !walk.command->get_subcommands({}).empty();
  return walk;
}

std::vector<std::string_view> subcommands_of(const CLI::App& command) {
  std::vector<std::string_view> names;
  for (const CLI::App* each : command.get_subcommands({})) names.emplace_back(each->get_name());
  return names;
}

int wrong_usage(const Walk& walk, const std::string& what) {
  std::cerr << "sallyport: " << what << "\nSee `" << walk.path << " --help`.\n";
  return 2;
}

int say_unknown(const Walk& walk) {
  std::string what = sallyport::in_quotes(walk.unknown, 64) + " is no command of `" + walk.path + '`';
  const std::string near = sallyport::nearest(walk.unknown, subcommands_of(*walk.command));
  if (!near.empty()) what += ", did you mean \"" + near + "\"?";
  return wrong_usage(walk, what);
}

int say_what_may_follow(const Walk& walk) {
  std::string what = "what should `" + walk.path + "` do? ";
  const char* between = "";
  for (const auto name : subcommands_of(*walk.command)) {
    what.append(between).append(name);
    between = ", ";
  }
  return wrong_usage(walk, what);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App application("Sallyport: the controlled way out for AI agents.", "sallyport");
  application.set_version_flag("--version", SALLYPORT_VERSION);
  application.require_subcommand(1);
  int exit_status = 0;
  sallyport::add_serve_command(application, exit_status);
  sallyport::add_run_command(application, exit_status);
  sallyport::add_attach_command(application, exit_status);
  sallyport::add_approvals_command(application, exit_status);
  sallyport::add_status_command(application, exit_status);
  sallyport::add_admin_command(application, exit_status);
  sallyport::add_policy_command(application, exit_status);
  sallyport::add_audit_command(application, exit_status);
  sallyport::add_ca_command(application, exit_status);
  sallyport::add_gateway_command(application, exit_status);
  const Walk words = walk(application, argc, argv);
  if (!words.unknown.empty()) return say_unknown(words);
  if (words.wants_help) {
    const std::size_t before = words.path.rfind(' ');  // help() adds the last name itself
    std::cout << words.command->help(before == std::string::npos ? std::string() : words.path.substr(0, before));
    return 0;
  }
  if (words.needs_more) return say_what_may_follow(words);
  application.failure_message([&words](const CLI::App*, const CLI::Error& error) {
    return "sallyport: " + std::string(error.what()) + "\nSee `" + words.path + " --help`.\n";
  });
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
