#include "proxy/run_words.hpp"

#include "policy/yaml.hpp"
#include "proxy/run_secrets.hpp"
#include "proxy/run_state.hpp"
#include "proxy/sandbox/other_ways.hpp"
#include "telemetry/safe_text.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <unistd.h>

namespace sallyport {
namespace {

namespace fs = std::filesystem;

constexpr std::array proxy_variables{"http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy",
                                     "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY"};

std::vector<std::string> environment_without_proxies() {
  std::string removed;
  for (const char* name : proxy_variables) {
    if (!std::getenv(name)) continue;
    removed += std::string(" ") + name;
    ::unsetenv(name);
  }
  if (!removed.empty())
    std::cerr << "sallyport: not passed on:" << removed << " (every connection is led here anyway)\n";
  std::vector<std::string> environment;
  for (char** each = environ; *each; ++each) environment.emplace_back(*each);
  return environment;
}

// Who replaces it from outside, as editors do, takes the protection away with it: what must never be lost lies in the
// settings' folder, which is protected as a whole.
void protect(std::vector<std::string>& read_only, const std::string& file) {
  std::error_code error;
  if (!file.empty() && fs::exists(file, error)) read_only.push_back(fs::canonical(file).string());
}

// Or the command would put another thing in the place of what the next run, or a reload of this one, looks for.
void keep_links(SandboxPlan& plan, const std::string& path) {
  std::error_code error;
  const fs::path whole = fs::absolute(path, error);
  if (path.empty() || error) return;
  for (auto& link : links_on(whole.string())) {
    if (std::find(plan.links.begin(), plan.links.end(), link) == plan.links.end())
      plan.links.push_back(std::move(link));
  }
}

}  // namespace

Ask ask_of(const RunWords& words, OnTerminal on_terminal) {
  if (!words.learn.empty()) {
    if (!words.ask.empty()) throw std::runtime_error("--learn allows what is asked, so it goes with no --ask");
    return Ask::approve;
  }
  if (words.ask == "console") return Ask::console;
  if (words.ask == "tty" && on_terminal == OnTerminal::no)
    throw std::runtime_error("--ask tty needs a terminal, and there is none; --ask console asks on a page");
  if (words.ask == "tty" || (words.ask.empty() && on_terminal == OnTerminal::yes)) return Ask::terminal;
  if (words.ask.empty())
    std::cerr << "sallyport: no terminal, so what no rule decides is refused (--ask console asks on a page, --learn "
                 "FILE allows it)\n";
  return Ask::deny;
}

Config run_config(const RunWords& words, const RunUser& user, Ask ask) {
  Config config = Config::embedded();
  config.policy = user.policy;
  if (!words.config.empty()) {
    auto loaded = load_config(words.config);
    if (!loaded) {
      std::string all;
      for (const auto& complaint : loaded.error()) all += (all.empty() ? "" : "\n") + complaint.text;
      throw std::runtime_error(all);
    }
    config = std::move(*loaded);
  }
  if (!words.policy.empty()) config.policy = fs::absolute(words.policy).string();
  config.proxy.clear();
  config.dns_listen.clear();
  config.transparent.clear();
  config.admin_socket.clear();
  config.gateway = {};
  config.user.clear();
  config.console.clear();
  if (ask == Ask::console) config.console = {ListenAddress{}};
  if (ask == Ask::deny) config.approvals.unattended = Unattended::refuse;
  // Of its own, so that runs at one time don't write one chain.
  config.data = run_folder(user.state);
  config.audit.path = words.audit.empty() ? config.data + "/audit.jsonl" : fs::absolute(words.audit).string();
  return config;
}

PolicyFolder policy_folder(const SandboxPlan& plan, const Config& config) {
  std::error_code error;
  const std::string folder = fs::weakly_canonical(fs::path(config.policy).parent_path(), error).string();
  const bool closed = std::find(plan.read_only.begin(), plan.read_only.end(), folder) != plan.read_only.end();
  return closed || (!error && ::access(folder.c_str(), W_OK) != 0) ? PolicyFolder::closed : PolicyFolder::open;
}

std::shared_ptr<const Policy> run_policy(const RunWords& words, const Config& config) {
  std::error_code error;
  const bool named = !words.policy.empty() || !words.config.empty();
  if (named && !fs::exists(config.policy, error))
    throw std::runtime_error("there is no policy " + in_quotes(config.policy));
  if (!named && !fs::exists(config.policy, error)) return Policy::embedded();
  auto loaded = Policy::load(config.policy);
  if (!loaded) {
    std::string all = "the policy cannot be used:";
    for (const auto& complaint : loaded.error()) all += "\n  " + complaint.text;
    throw std::runtime_error(all);
  }
  auto policy = *loaded;
  for (const auto& warning : policy->warnings()) {
    // What is said of that name to daemons is no trouble here, where it is something.
    if (warning.text.find("names host.sallyport.internal") == std::string::npos)
      std::cerr << "sallyport: " << warning.text << '\n';
  }
  if (words.agent.empty()) return policy;
  const std::vector<std::string> names = policy->agent_names();
  if (names.empty() || policy->has_agent(words.agent)) return policy;
  const std::vector<std::string_view> known(names.begin(), names.end());
  // Its own rules, a stricter default among them, would not apply.
  const std::string near = nearest(words.agent, known);
  throw std::runtime_error("the policy knows no agent " + in_quotes(words.agent) +
                           (near.empty() ? "" : ", did you mean " + in_quotes(near) + "?"));
}

SandboxPlan run_plan(const RunWords& words, const RunUser& user, const Config& config, const Policy& policy) {
  SandboxPlan plan;
  plan.command = words.command;
  plan.environment = environment_without_proxies();
  plan.directory = fs::current_path().string();
  if (::access(plan.directory.c_str(), X_OK) != 0)
    throw std::runtime_error(in_quotes(plan.directory) + " can't be entered by the command's user: " +
                             std::strerror(errno) + "; start it from another folder");
  std::error_code error;
  std::vector<std::string> hidden{user.state, "/var/lib/sallyport", "/var/lib/sallyport-run/sallyport"};
  std::vector<std::string> kept = policy.files();
  if (!config.file.empty()) {
    // What a daemon with the same file keeps.
    if (const auto daemon = load_config(config.file)) {
      hidden.push_back(daemon->data);
      kept.push_back(daemon->audit.path);
    }
    kept.push_back(config.file);
  }
  for (const std::string& folder : hidden) {
    if (!fs::is_directory(folder, error)) continue;
    const std::string path = fs::canonical(folder).string();
    if (std::find(plan.hidden.begin(), plan.hidden.end(), path) == plan.hidden.end()) plan.hidden.push_back(path);
  }
  // Also while it is not there: or the next run would find a policy that this command wrote.
  fs::create_directories(fs::path(user.policy).parent_path(), error);
  const std::string settings = fs::path(user.policy).parent_path().string();
  if (fs::is_directory(settings, error)) plan.read_only.push_back(fs::canonical(settings).string());
  if (!words.audit.empty()) {
    const std::ofstream made(config.audit.path, std::ios::app);
    if (!made) throw std::runtime_error(in_quotes(config.audit.path) + " can't be written: " + std::strerror(errno));
    plan.read_only.push_back(fs::canonical(config.audit.path).string());
  }
  kept.push_back(words.learn);  // or the command writes what it is said to have needed
  for (auto& path : programs_run_outside(policy, config)) kept.push_back(std::move(path));
  for (const auto& path : kept) protect(plan.read_only, path);
  kept.insert(kept.end(), {user.policy, config.policy, user.state, config.audit.path});
  for (const auto& path : kept) keep_links(plan, path);
  keep_secrets_of_settings(plan, config.file);
  keep_secrets_of_policy(plan, policy);
  for (const auto& path : words.shared) {
    if (!fs::exists(path, error)) throw std::runtime_error("--share: there is no " + in_quotes(path));
    plan.shared.push_back(fs::canonical(path).string());
    std::cerr << "sallyport: " << shown(path) << " is shared: whatever listens there may be a way round\n";
  }
  return plan;
}

}  // namespace sallyport
