#include "proxy/startup.hpp"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <pwd.h>
#include <stdexcept>
#include <unistd.h>

namespace sallyport {
namespace {

namespace fs = std::filesystem;

asio::ip::tcp::endpoint endpoint_of(const ListenAddress& at) {
  return {asio::ip::make_address(at.address.text()), at.port};
}

std::string text_of_endpoint(const asio::ip::tcp::endpoint& at) {
  const std::string host = at.address().to_string();
  return (at.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(at.port());
}

// What Sallyport itself leaves in its folders. Whatever else lies there, a policy above all, stays with its owner.
bool is_our_file(const std::string& name, const std::string& log_stem) {
  const auto begins = [&name](std::string_view with) { return name.starts_with(with); };
  if (begins(log_stem + ".") && name.ends_with(".jsonl")) return true;
  return begins("audit.") || begins("leases") || begins("approvals.db") || begins("admin.") || begins("tokens.") ||
         begins("ca.") || begins("attached.");
}

// A link to a file elsewhere is none of ours, whatever it is called.
bool is_plain(const fs::directory_entry& file) {
  std::error_code error;
  return !file.is_symlink(error) &&
         (file.is_socket(error) || (file.is_regular_file(error) && file.hard_link_count(error) == 1));
}

void give_to(const fs::path& path, const passwd& owner) {
  if (lchown(path.c_str(), owner.pw_uid, owner.pw_gid) != 0)
    throw std::runtime_error("cannot give " + path.string() + " to " + owner.pw_name);
}

void make_folder(const std::string& path, unsigned mode, const std::string& user, const std::string& log_stem) {
  std::error_code error;
  const bool made = fs::create_directories(path, error);
  if (error) throw std::runtime_error("cannot make " + path + ": " + error.message());
  if (made && chmod(path.c_str(), mode) != 0) throw std::runtime_error("cannot set the mode of " + path);
  if (user.empty() || geteuid() != 0) return;
  const passwd* entry = getpwnam(user.c_str());
  if (!entry) throw std::runtime_error("user: there is no user '" + user + "'; create it with: useradd -r " + user);
  // What an earlier start as somebody else left there is needed too; a folder that others use as well stays theirs.
  bool only_ours = true;
  for (const auto& file : fs::directory_iterator(path, error)) {
    if (is_our_file(file.path().filename(), log_stem) && is_plain(file)) {
      give_to(file.path(), *entry);
    } else {
      only_ours = false;
    }
  }
  if (made || only_ours) give_to(path, *entry);
}

std::string unreadable(const std::string& who, const std::string& file) {
  std::string text = who;
  text.append(" can't read ").append(file).append(" when it changes: chmod 644 ").append(file);
  return text.append(", or chgrp it to that user's group and chmod 640");
}

}  // namespace

std::shared_ptr<const Policy> first_policy(const Config& config) {
  std::error_code error;
  if (config.file.empty() && !fs::exists(config.policy, error)) return Policy::embedded();
  auto policy = Policy::load(config.policy);
  if (policy) {
    for (const auto& warning : (*policy)->warnings()) spdlog::warn("{}", warning.text);
    return *policy;
  }
  std::string all = "the policy cannot be used:";
  for (const auto& complaint : policy.error()) all += "\n  " + complaint.text;
  if (!fs::exists(config.policy, error)) all += "\n  write it, or name another with `policy:` in " + config.file;
  throw std::runtime_error(all);
}

Listening wanted_listeners(const Config& config) {
  Listening wanted;
  for (const auto& at : config.proxy) wanted.proxy.push_back(endpoint_of(at));
  for (const auto& at : config.dns_listen) wanted.dns.push_back(endpoint_of(at));
  for (const auto& door : config.transparent) wanted.transparent.emplace_back(endpoint_of(door.at), door.steering);
  return wanted;
}

GatewayPlan gateway_plan(const Config& config, const Listening& at) {
  GatewayPlan plan;
  plan.interfaces = config.gateway.interfaces;
  plan.agents = config.gateway.agents;
  if (!at.transparent.empty()) {
    plan.transparent_port = at.transparent.front().first.port();
    plan.steering = at.transparent.front().second;
  }
  if (!at.dns.empty()) plan.dns_port = at.dns.front().port();
  for (const auto& endpoint : at.proxy) {
    if (!endpoint.address().is_loopback()) plan.host_ports.push_back(endpoint.port());
  }
  return plan;
}

std::string user_to_become(const Config& config) {
  if (geteuid() != 0 || !config.user.empty()) return config.user;
  if (getpwnam("sallyport")) return "sallyport";
  if (!getpwnam("nobody")) throw std::runtime_error("user: name one to become, or create it: useradd -r sallyport");
  spdlog::info("there is no user sallyport: running as nobody (create it with: useradd -r sallyport)");
  return "nobody";
}

std::shared_ptr<AttachMonitor> start_attach_monitor(const Config& config, const std::string& user) {
  if (!config.attach || geteuid() != 0) return nullptr;
  auto monitor = AttachMonitor::start(user);
  if (monitor) return std::move(*monitor);
  spdlog::warn("namespaces can't be attached: {}", monitor.error().text);
  return nullptr;
}

void make_folders(const Config& config, const std::string& user) {
  const std::string log_stem = fs::path(config.audit.path).stem().string();
  make_folder(config.data, 0700, user, log_stem);
  const std::string log_folder = fs::path(config.audit.path).parent_path().string();
  if (log_folder != config.data) make_folder(log_folder, 0750, user, log_stem);
}

void check_access(const Config& config, const Policy& policy, const std::string& user) {
  const std::string who = user.empty() ? "this user" : "the user " + user + ", which this becomes,";
  const std::string advice = ": put it elsewhere, as in /etc/sallyport and /var/lib/sallyport, or name another `user:`";
  if (access(config.data.c_str(), W_OK | X_OK) != 0)
    throw std::runtime_error(who + " can't write in " + config.data + advice);
  const std::string log_folder = fs::path(config.audit.path).parent_path().string();
  if (access(log_folder.c_str(), W_OK | X_OK) != 0)
    throw std::runtime_error(who + " can't write the log in " + log_folder + advice);
  for (const auto& file : policy.files()) {
    if (access(file.c_str(), R_OK) != 0 && errno == EACCES) throw std::runtime_error(unreadable(who, file));
  }
}

std::string banner(const Config& config, const Listening& at, const Policy& policy) {
  std::string text = "Sallyport " SALLYPORT_VERSION " is guarding.\n";
  for (const auto& endpoint : at.proxy)
    text += "  proxy        " + text_of_endpoint(endpoint) + " (HTTP and SOCKS)   try: curl -x http://" +
            text_of_endpoint(endpoint) + " http://example.com/\n";
  for (const auto& [endpoint, steering] : at.transparent)
    text += "  transparent  " + text_of_endpoint(endpoint) +
            (steering == Steering::redirect ? " (nftables redirect)\n" : " (nftables tproxy)\n");
  for (const auto& endpoint : at.dns) text += "  dns          " + text_of_endpoint(endpoint) + " (UDP and TCP)\n";
  if (config.parent) {
    text += "  parent       " + config.parent->at.text() +
            (config.parent->send == ParentSend::name ? " (it resolves names, so the guard sees names only)\n"
                                                     : " (it gets addresses that were checked here)\n");
  }
  std::error_code error;
  const bool there = !policy.files().empty() && fs::exists(config.policy, error);
  text +=
      "  policy       " + config.policy +
      (there ? " (edit it: changes apply at once)\n" : " (not there yet: everything is asked until you write it)\n");
  text += "  log          " + config.audit.path + "\n";
  return text;
}

}  // namespace sallyport
