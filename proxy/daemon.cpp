#include "proxy/daemon.hpp"

#include "approvals/notify/notify.hpp"
#include "console/server.hpp"
#include "net/file_watch.hpp"
#include "net/sd_notify.hpp"
#include "proxy/attachments.hpp"
#include "proxy/daemon_options.hpp"
#include "proxy/daemon_telemetry.hpp"
#include "proxy/monitor/privileges.hpp"
#include "proxy/open_inspection.hpp"
#include "proxy/secrets.hpp"
#include "proxy/startup.hpp"

#include <boost/asio/basic_signal_set.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <spdlog/spdlog.h>

#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <future>
#include <iostream>
#include <map>
#include <mutex>
#include <pwd.h>
#include <sstream>
#include <stdexcept>

namespace sallyport {
namespace {

using SignalSet = asio::basic_signal_set<Executor>;

constexpr auto sweep_interval = std::chrono::seconds(1);
constexpr auto traffic_interval = std::chrono::minutes(5);
constexpr auto guard_interval = std::chrono::seconds(2);

AdminListenOptions admin_options(const Config& config, const std::string& user) {
  AdminListenOptions options;
  options.socket = config.admin_socket;
  for (const auto& at : config.console) options.tcp.push_back(TcpListen{at.address, at.port});
  if (user.empty()) return options;
  const passwd* entry = getpwnam(user.c_str());
  if (!entry) throw std::runtime_error("there is no user " + user);
  options.owner = UnixDoor{entry->pw_uid, entry->pw_gid};
  return options;
}

class Daemon {
 public:
  Daemon(const Config& config, std::shared_ptr<const Policy> policy, std::vector<std::unique_ptr<Worker>> workers,
         Listening at, std::optional<Monitor> monitor, AdminListeners admin_listeners, std::uint64_t descriptors,
         std::unique_ptr<const Inspection> inspection, std::shared_ptr<AttachMonitor> attach_monitor)
      : config_(config),
        policy_(std::move(policy)),
        otlp_(open_exporter(config, counted_)),
        audit_(open_log(config, counted_, otlp_.get())),
        leases_(lease_options(config)),
        admission_(admission_limits(config, descriptors)),
        approvals_(config.data + "/approvals.db", approval_limits(config), *audit_),
        shared_{config,
                policy_,
                *audit_,
                leases_,
                names_,
                given_,
                admission_,
                approvals_,
                ports_of(at, admin_listeners),
                new_correlation().substr(0, 8)},
        inspection_(std::move(inspection)),
        workers_(std::move(workers)),
        at_(std::move(at)),
        monitor_(std::move(monitor)),
        attach_monitor_(std::move(attach_monitor)),
        admin_listeners_(std::move(admin_listeners)),
        signals_(control_),
        watch_(control_, watched()) {
    shared_.inspection = inspection_.get();
    shared_.secrets = &secrets_;
    secrets_.load(policy_.current()->secrets());
    signals_.add(SIGHUP);
    signals_.add(SIGTERM);
    signals_.add(SIGINT);
  }

  int run() {
    for (auto& worker : workers_) worker->begin(shared_);
    told(LifecycleEvent::Kind::start, "started");
    notify_ = std::make_unique<Notify>(approvals_, config_.approvals.notify, config_.dns.upstream);
    listening_ = approvals_.subscribe([this](const Approvals::Happening& what) { heard(what); });
    for (auto& worker : workers_) worker->run_in_thread();
    if (attach_monitor_) {
      attachments_ =
          std::make_unique<Attachments>(attach_monitor_, workers_, config_.data + "/attached.json", *audit_, policy_);
    }
    asio::co_spawn(control_, mind_signals(), asio::detached);
    asio::co_spawn(control_, mind_files(), asio::detached);
    asio::co_spawn(control_, mind_time(), asio::detached);
    begin_admin();
    if (monitor_) guard_thread_ = std::jthread([this](const std::stop_token& stop) { mind_guard(stop); });
    std::cout << banner(config_, at_, *policy_.current()) << banner_of_admin() << std::flush;
    spdlog::info("at most {} connections at one time, {} for one agent", admission_limit(), config_.limits.per_agent);
    static_cast<void>(sd_notify("READY=1"));
    control_.run();
    end();
    return 0;
  }

 private:
  std::uint64_t admission_limit() const { return admission_.limits().connections; }

  std::vector<std::filesystem::path> watched() const {
    std::vector<std::filesystem::path> files{config_.policy};
    for (const auto& file : policy_.current()->files()) files.emplace_back(file);
    return files;
  }

  void told(LifecycleEvent::Kind kind, std::string detail) {
    record_lifecycle(kind, std::move(detail), *policy_.current(), *audit_);
  }

  void begin_admin() {
    started_ = WallClock::now();
    Backend backend{approvals_, *audit_, approval_limits(config_), {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};
    backend.policy = [this] { return policy_.current(); };
    backend.policy_path = config_.policy;
    backend.policy_faults = [this] { return policy_faults(); };
    backend.reload = [this](const Caller& by) { return reload_for(by); };
    backend.connections = [this](std::size_t limit) { return live_connections(limit); };
    backend.agents = [this] { return agents(); };
    if (attachments_) attachments_->lend(backend);
    backend.status = [this] { return status(); };
    backend.metrics = [this] { return metrics(); };
    AdminOptions options;
    options.data = config_.data;
    auto admin = AdminServer::begin(std::move(admin_listeners_), std::move(backend), std::move(options));
    if (!admin) throw std::runtime_error("the admin API cannot start: " + admin.error().text);
    admin_ = std::move(*admin);
  }

  std::string banner_of_admin() const {
    std::string text;
    for (const auto& address : admin_->addresses()) text += "  console      " + address + "\n";
    if (!config_.admin_socket.empty()) text += "  admin        " + config_.admin_socket + "\n";
    return text;
  }

  // By the thread that owns the policy; the caller waits.
  Outcome<std::string, std::vector<Complaint>> reload_for(const Caller& by) {
    const auto done = std::make_shared<std::promise<Outcome<std::string, std::vector<Complaint>>>>();
    auto answer = done->get_future();
    asio::post(control_, [this, done, who = by.name] { done->set_value(reload("asked for by " + who, who)); });
    if (answer.wait_for(std::chrono::seconds(30)) != std::future_status::ready)
      return std::vector<Complaint>{Complaint{"the daemon is busy; try again"}};
    return answer.get();
  }

  std::vector<LiveConnection> live_connections(std::size_t limit) {
    std::vector<LiveConnection> all;
    for (auto& worker : workers_) static_cast<void>(worker->snapshot(all, limit));
    return all;
  }

  std::vector<AgentInfo> agents() {
    std::map<std::string, AgentInfo> found;
    for (const auto& name : policy_.current()->agent_names()) found[name] = AgentInfo{name, "policy", {}, 0, 0};
    if (attachments_) {
      for (auto& attached : attachments_->list()) found[attached.name] = std::move(attached);
    }
    for (const auto& connection : live_connections(100'000)) {
      AgentInfo& agent =
          found.try_emplace(connection.agent, AgentInfo{connection.agent, "default", {}, 0, 0}).first->second;
      ++(connection.state == LiveConnection::State::held ? agent.held : agent.connections);
    }
    std::vector<AgentInfo> all;
    all.reserve(found.size());
    for (auto& [name, agent] : found) all.push_back(std::move(agent));
    return all;
  }

  DaemonStatus status() {
    DaemonStatus now;
    const auto add = [&now](const char* door, const auto& endpoint) {
      std::ostringstream text;
      text << endpoint;
      now.listening.push_back({door, text.str()});
    };
    for (const auto& endpoint : at_.proxy) add("proxy", endpoint);
    for (const auto& door : at_.transparent) add("transparent", door.first);
    for (const auto& endpoint : at_.dns) add("dns", endpoint);
    now.guarding = shared_.guarding.load();
    now.draining = draining_.load();
    now.started = started_;
    now.held = approvals_.counts().held;
    now.connections = open_sessions();
    return now;
  }

  std::vector<Metric> metrics() {
    auto all = metrics_of(counted_, otlp_.get());
    all.push_back(Metric{"sallyport_connections_limit",
                         "The most connections at one time.",
                         Metric::Kind::gauge,
                         {},
                         static_cast<double>(admission_limit())});
    return all;
  }

  Task<> mind_signals() {
    for (;;) {
      const auto [error, number] = co_await signals_.async_wait(no_throw);
      if (error) co_return;
      if (number == SIGHUP) {
        static_cast<void>(reload("SIGHUP"));
        continue;
      }
      spdlog::info("stopping: open connections have {} s to end",
                   std::chrono::duration_cast<std::chrono::seconds>(config_.timeouts.drain).count());
      static_cast<void>(sd_notify("STOPPING=1"));
      draining_ = true;
      co_await drain();
      control_.stop();
      co_return;
    }
  }

  Task<> mind_files() {
    for (;;) {
      co_await watch_.changed();
      static_cast<void>(reload("a policy file changed"));
    }
  }

  Task<> mind_time() {
    Timer timer(control_);
    auto next_report = Clock::now() + traffic_interval;
    for (;;) {
      timer.expires_after(sweep_interval);
      const auto [error] = co_await timer.async_wait(no_throw);
      if (error) co_return;
      approvals_.sweep();
      sweep_workers();
      tell_of_connections();
      record_floods(admission_, *policy_.current(), *audit_);
      if (Clock::now() < next_report) continue;
      next_report = Clock::now() + traffic_interval;
      for (auto& worker : workers_) worker->report_traffic();
    }
  }

  void sweep_workers() {
    for (auto& worker : workers_) worker->sweep(policy_.current());
  }

  // What lived on a grant ends with it, not a second later.
  void heard(const Approvals::Happening& what) {
    if (std::holds_alternative<Approvals::Ended>(what)) sweep_workers();
  }

  // The console shows them as they come and go; once a second is as often as anybody can look.
  void tell_of_connections() {
    const std::size_t open = open_sessions();
    if (open != told_open_) admin_->connections_changed();
    told_open_ = open;
  }

  std::vector<Complaint> policy_faults() const {
    const std::lock_guard lock(faults_mutex_);
    return policy_faults_;
  }

  void keep_faults(std::vector<Complaint> faults) {
    {
      const std::lock_guard lock(faults_mutex_);
      policy_faults_ = std::move(faults);
    }
    if (admin_) admin_->publish("policy", "{}");
  }

  // Whatever is wrong with the new one, the old one stays.
  Outcome<std::string, std::vector<Complaint>> reload(const std::string& why, const std::string& who = "sallyport") {
    const auto old = policy_.current();
    auto next = Policy::load(config_.policy);
    PolicyEvent event;
    event.time = WallClock::now();
    event.old_uid = old->uid();
    event.why = why;
    event.actor = who;
    if (!next) {
      std::string complaints;
      for (const auto& complaint : next.error()) complaints += "\n  " + complaint.text;
      spdlog::error("{}: the new policy is not used, the old one stays:{}", why, complaints);
      event.why += ": " + complaints;
      static_cast<void>(audit_->append(std::move(event)));
      keep_faults(next.error());
      return next.error();
    }
    for (const auto& warning : (*next)->warnings()) spdlog::warn("{}", warning.text);
    secrets_.load((*next)->secrets());
    policy_.replace(*next);
    event.accepted = true;
    event.new_uid = (*next)->uid();
    static_cast<void>(audit_->append(std::move(event)));
    watch_.watch(watched());
    sweep_workers();
    spdlog::info("{}: the new policy applies", why);
    keep_faults({});
    return (*next)->uid();
  }

  // DESIGN 8.9. Blocking, so on a thread of its own.
  void mind_guard(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    while (!stop.stop_requested()) {
      const auto state = monitor_->check();
      const bool guarding = state.has_value();
      if (guarding != shared_.guarding.exchange(guarding)) {
        if (guarding) {
          spdlog::info("interception is in force again");
          told(LifecycleEvent::Kind::guard_regained, "the gateway's rules are in force again");
        } else {
          spdlog::error("interception is not in force, so nothing new is let out: {}", state.error().text);
          told(LifecycleEvent::Kind::guard_lost, state.error().text);
          for (auto& worker : workers_) worker->stop_sessions(ClosedBy::policy);
        }
      }
      // Rules of ours that somebody took away are put back; others' are only watched.
      if (!guarding && config_.gateway.check == GatewayCheck::own) static_cast<void>(monitor_->apply());
      std::unique_lock lock(mutex);
      wake.wait_for(lock, stop, guard_interval, [] { return false; });
    }
  }

  std::size_t open_sessions() const {
    std::size_t open = 0;
    for (const auto& worker : workers_) open += worker->open_sessions();
    return open;
  }

  Task<> drain() {
    for (auto& worker : workers_) worker->stop_accepting();
    Timer timer(control_);
    const auto insist = Clock::now() + config_.timeouts.drain;
    const auto give_up = insist + std::chrono::seconds(5);
    bool insisted = false;
    while (open_sessions() > 0 && Clock::now() < give_up) {
      if (!insisted && Clock::now() >= insist) {
        for (auto& worker : workers_) worker->stop_sessions(ClosedBy::shutdown);
        insisted = true;
      }
      timer.expires_after(std::chrono::milliseconds(20));
      const auto [error] = co_await timer.async_wait(no_throw);
      if (error) co_return;
    }
  }

  void end() {
    guard_thread_ = std::jthread();
    listening_ = Approvals::Subscription();
    admin_.reset();
    attachments_.reset();
    notify_.reset();
    for (auto& worker : workers_) worker->finish();
    for (auto& worker : workers_) worker->context().stop();
    for (auto& worker : workers_) worker->join();
    told(LifecycleEvent::Kind::stop, "stopped");
    audit_->stop();
    if (otlp_) otlp_->stop();
  }

  const Config& config_;
  PolicyHolder policy_;
  mutable std::mutex faults_mutex_;
  std::vector<Complaint> policy_faults_;  // why the last reload changed nothing
  EventCounters counted_;
  std::unique_ptr<OtlpExporter> otlp_;  // outlives the log, which hands its lines to it
  std::unique_ptr<AuditLog> audit_;
  dns::LeaseTable leases_;
  dns::NameBudget names_;
  dns::GivenAddresses given_;
  Admission admission_;
  Approvals approvals_;
  std::unique_ptr<Notify> notify_;
  Shared shared_;
  std::unique_ptr<const Inspection> inspection_;
  Secrets secrets_{{.tell = [](const std::string& text) { spdlog::warn("{}", text); }}};
  std::vector<std::unique_ptr<Worker>> workers_;
  Listening at_;
  std::optional<Monitor> monitor_;
  std::shared_ptr<AttachMonitor> attach_monitor_;  // null: nothing can be attached
  std::unique_ptr<Attachments> attachments_;
  AdminListeners admin_listeners_;
  asio::io_context control_{1};
  SignalSet signals_;
  FileWatch watch_;
  std::jthread guard_thread_;
  Approvals::Subscription listening_;
  std::unique_ptr<AdminServer> admin_;
  WallClock::time_point started_;
  std::atomic<bool> draining_{false};
  std::size_t told_open_ = 0;
};

}  // namespace

int serve(const Config& config) {
  std::signal(SIGPIPE, SIG_IGN);
  const std::uint64_t descriptors = raise_descriptor_limit();
  auto policy = first_policy(config);
  const std::string user = user_to_become(config);
  make_folders(config, user);
  auto inspection = open_inspection(config);
  Listening at = wanted_listeners(config);
  ensure_free(at);
  const unsigned count = config.threads ? config.threads : std::max(1U, std::thread::hardware_concurrency());
  std::vector<std::unique_ptr<Worker>> workers;
  for (unsigned each = 0; each < count; ++each) {
    workers.push_back(std::make_unique<Worker>());
    workers.back()->open(at);
  }
  auto admin = AdminListeners::open(admin_options(config, user));
  if (!admin) throw std::runtime_error(admin.error().text);
  std::optional<Monitor> monitor;
  if (config.gateway.check != GatewayCheck::off) {
    auto started = Monitor::start(gateway_plan(config, at), user);
    if (!started) throw std::runtime_error("the gateway's monitor cannot start: " + started.error().text);
    monitor.emplace(std::move(*started));
    if (config.gateway.check == GatewayCheck::own) {
      const auto applied = monitor->apply();
      if (!applied) throw std::runtime_error("the gateway's rules cannot be applied: " + applied.error().text);
    }
    const auto checked = monitor->check();
    if (!checked) throw std::runtime_error("interception is not in force: " + checked.error().text);
  }
  std::shared_ptr<AttachMonitor> attach_monitor = start_attach_monitor(config, user);
  const auto dropped = drop_privileges(user);
  if (!dropped) throw std::runtime_error(dropped.error().text);
  check_access(config, *policy, user);
  Daemon daemon(config, std::move(policy), std::move(workers), std::move(at), std::move(monitor), std::move(*admin),
                descriptors, std::move(inspection), std::move(attach_monitor));
  return daemon.run();
}

}  // namespace sallyport
