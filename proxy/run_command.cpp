#include "proxy/run_command.hpp"

#include "policy/inspects.hpp"
#include "proxy/output_file.hpp"
#include "proxy/run_report.hpp"
#include "proxy/run_state.hpp"
#include "proxy/run_trust.hpp"
#include "proxy/run_words.hpp"
#include "proxy/startup.hpp"
#include "telemetry/safe_text.hpp"

#include <CLI/CLI.hpp>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <iostream>

namespace sallyport {
namespace {

// As env, timeout and container runtimes have it: it was not the command that failed.
constexpr int exit_not_run = 125;

sigset_t block_signals() {
  sigset_t forwarded;
  sigemptyset(&forwarded);
  for (const int each : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2}) sigaddset(&forwarded, each);
  ::sigprocmask(SIG_BLOCK, &forwarded, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return forwarded;
}

void write_learned(std::ostream& file, const std::string& path, const Learner& learner) {
  if (!(file << learner.policy()).flush()) {
    std::cerr << "sallyport: " << in_quotes(path) << " could not be written to its end\n";
    return;
  }
  std::cerr << "sallyport: " << learner.learned() << " destinations learned, " << learner.left_out()
            << " left out; read " << shown(path) << " before you use it\n";
}

int run(const RunWords& words) {
  if (words.command.empty()) {
    std::cerr << "sallyport: which command? As in `sallyport run -- curl https://example.com/`\n";
    return 2;
  }
  spdlog::set_default_logger(spdlog::stderr_color_mt("sallyport"));
  spdlog::set_pattern("%H:%M:%S %^%l%$ %v");
  spdlog::set_level(spdlog::level::warn);
  std::unique_ptr<std::ofstream> learned;
  if (!words.learn.empty()) {
    auto opened = open_output(words.learn);
    if (!opened) throw std::runtime_error(opened.error().text);
    learned = std::move(*opened);
  }
  const RunUser user = become_run_user();
  if (!user.said.empty()) std::cerr << "sallyport: " << user.said << '\n';
  RunOptions options;
  auto terminal = Terminal::find();
  options.ask = ask_of(words, terminal ? OnTerminal::yes : OnTerminal::no);
  const Config config = run_config(words, user, options.ask);
  make_folders(config, "");
  forget_old_runs(user.state, config.audit.keep);
  const auto policy = run_policy(words, config);
  SandboxPlan plan = run_plan(words, user, config, *policy);
  options.agent = words.agent.empty() ? "run" : words.agent;
  std::unique_ptr<const Inspection> inspection;
  if (may_inspect(*policy, options.agent)) {
    inspection = open_run_inspection(config, user.state);
    trust_inside(plan, inspection->authority().pem());
    options.inspection = inspection.get();
  }
  plan.terminal = terminal != nullptr;
  auto sandbox = Sandbox::start(plan);
  if (!sandbox) throw std::runtime_error(sandbox.error().text);
  options.policy_folder = policy_folder(plan, config);
  options.user = user.name;
  options.state = user.state;
  options.forwarded = block_signals();
  if (terminal) Terminal::block_signals();
  const auto since = WallClock::now();
  const int status = run_session(config, policy, std::move(*sandbox), std::move(terminal), options);
  const RunReport report(config.audit.path, since);
  std::cerr << report.text();
  if (learned) write_learned(*learned, words.learn, report.learner());
  return status;
}

int run_or_say_why(const RunWords& words) {
  try {
    return run(words);
  } catch (const std::exception& trouble) {
    std::cerr << "sallyport: " << trouble.what() << '\n';
    return exit_not_run;
  }
}

}  // namespace

void add_run_command(CLI::App& application, int& exit_status) {
  auto* command = application.add_subcommand("run", "Run a command whose only way out is Sallyport");
  auto words = std::make_shared<RunWords>();
  command->add_option("-p,--policy", words->policy, "policy.yaml; without it: the one in your configuration folder");
  command->add_option("-c,--config", words->config, "sallyport.yaml, for everything else");
  command->add_option("--agent", words->agent, "who the command is in the policy (default: run)");
  command
      ->add_option("--ask", words->ask,
                   "where no rule decides: tty: ask here; console: on a page that is printed; deny (default: tty, and "
                   "where there "
                   "is no terminal, deny)")
      ->check(CLI::IsMember({"tty", "console", "deny"}));
  command->add_option("--learn", words->learn,
                      "allow what would be asked, and write the policy that was needed into this new file");
  command->add_option("--audit", words->audit, "the log; without it: a new one in your state folder");
  command->add_option("--share", words->shared, "a path that stays visible although it would be hidden")
      ->allow_extra_args(false);
  command->add_option("CMD", words->command, "after --: the command and its arguments");
  command->footer(
      "Example: sallyport run -- npm install\n"
      "The command has no network but what Sallyport lets out, IPv4 and IPv6, by name and address; its own servers\n"
      "on localhost are its own. It sees your files as you do, but for Sallyport's own, runtime folders and sockets\n"
      "that others listen on: what it writes there and you start later runs outside.\n"
      "Exit status: the command's, or 128 and its signal's number; 127: there is no such program, 126: it can't be\n"
      "started, 125: Sallyport could not start it.");
  command->callback([words, &exit_status] { exit_status = run_or_say_why(*words); });
}

}  // namespace sallyport
