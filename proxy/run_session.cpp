#include "proxy/run_session.hpp"

#include "approvals/notify/notify.hpp"
#include "console/server.hpp"
#include "proxy/daemon_options.hpp"
#include "proxy/daemon_telemetry.hpp"
#include "proxy/monitor/privileges.hpp"
#include "proxy/run_state.hpp"
#include "proxy/secrets.hpp"

#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include <array>
#include <iostream>
#include <mutex>
#include <poll.h>
#include <stdexcept>
#include <thread>
#include <unistd.h>

namespace sallyport {
namespace {

// A command that has ended may have connections whose last bytes are on their way.
constexpr auto last_bytes = std::chrono::seconds(1);
constexpr int sweep_ms = 1000;
constexpr auto traffic_interval = std::chrono::minutes(5);

// New questions, from whatever thread they come, for the one that waits on fd().
class Asked {
 public:
  Asked() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (event_.get() < 0) throw std::runtime_error("eventfd can't be had");
  }
  int fd() const { return event_.get(); }

  void add(std::string approval) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(approval));
    const std::uint64_t one = 1;
    static_cast<void>(::write(event_.get(), &one, sizeof one));
  }
  std::vector<std::string> take() {
    const std::lock_guard lock(mutex_);
    std::uint64_t count = 0;
    static_cast<void>(::read(event_.get(), &count, sizeof count));
    return std::exchange(waiting_, {});
  }

 private:
  OwnedFd event_;
  std::mutex mutex_;
  std::vector<std::string> waiting_;
};

class RunSession {
 public:
  RunSession(const Config& config, std::shared_ptr<const Policy> policy, Sandbox sandbox,
             std::unique_ptr<Terminal> terminal, const RunOptions& options, AdminListeners admin_listeners)
      : config_(config),
        options_(options),
        policy_(std::move(policy)),
        otlp_(open_exporter(config, counted_)),
        audit_(open_run_log(config, options.state, counted_, otlp_.get())),
        leases_(lease_options(config)),
        admission_(admission_limits(config, raise_descriptor_limit())),
        approvals_(":memory:", approval_limits(config), *audit_),  // no answer outlives the run, but in the log
        shared_{config,
                policy_,
                *audit_,
                leases_,
                names_,
                given_,
                admission_,
                approvals_,
                ports_of(Listening{}, admin_listeners),
                new_correlation().substr(0, 8)},
        sandbox_(std::move(sandbox)),
        terminal_(std::move(terminal)) {
    shared_.inspection = options.inspection;
    shared_.secrets = &secrets_;
    secrets_.load(policy_.current()->secrets());
    worker_.begin(shared_);
    OwnerFinder owner = find_owners(sandbox_.sockets.diagnosis.take(), SearchPlace{{sandbox_.first_process()}, {}});
    worker_.attach(std::move(sandbox_.sockets), options.agent, std::move(owner));
    told(LifecycleEvent::Kind::start, "sallyport run");
    notify_ = std::make_unique<Notify>(approvals_, config.approvals.notify, config.dns.upstream);
    listening_ = approvals_.subscribe([this](const Approvals::Happening& what) { heard(what); });
    if (options.ask == Ask::approve) attendance_ = approvals_.attend();
    if (options.ask == Ask::console) begin_console(std::move(admin_listeners));
    if (terminal_) begin_terminal();
    worker_.run_in_thread();  // nothing may throw from here on that does not end it
  }

  int run() {
    const OwnedFd signals(::signalfd(-1, &options_.forwarded, SFD_CLOEXEC | SFD_NONBLOCK));
    if (auto released = sandbox_.release(); !released) {
      end();
      throw std::runtime_error(released.error().text);
    }
    std::array<pollfd, 3> all{pollfd{sandbox_.fd(), POLLIN, 0}, pollfd{signals.get(), POLLIN, 0},
                              pollfd{asked_.fd(), POLLIN, 0}};
    while (all[0].revents == 0) {
      if (::poll(all.data(), all.size(), sweep_ms) < 0 && errno != EINTR) break;
      forward(signals.get());
      for (const auto& approval : asked_.take()) answer(approval);
      mind_time();
    }
    const int status = sandbox_.wait();
    end();
    return status;
  }

 private:
  void begin_console(AdminListeners listeners) {
    Backend backend{approvals_, *audit_, approval_limits(config_)};
    backend.policy = [this] { return policy_.current(); };
    backend.policy_path = config_.policy;
    backend.connections = [this](std::size_t limit) {
      std::vector<LiveConnection> every;
      static_cast<void>(worker_.snapshot(every, limit));
      return every;
    };
    backend.reload = [this](const Caller& by) { return reload("asked for by " + by.name, by.name); };
    backend.status = [this] { return status(); };
    backend.agents = [this] {
      const DaemonStatus now = status();
      return std::vector<AgentInfo>{{options_.agent, "attached", "sallyport run", now.connections, now.held}};
    };
    AdminOptions admin_options;
    admin_options.data = config_.data;
    auto admin = AdminServer::begin(std::move(listeners), std::move(backend), std::move(admin_options));
    if (!admin) throw std::runtime_error("the console cannot start: " + admin.error().text);
    admin_ = std::move(*admin);
    for (const auto& address : admin_->addresses())
      std::cerr << "sallyport: what no rule decides is asked at " << address << '\n';
  }

  DaemonStatus status() {
    DaemonStatus now;
    now.started = started_;
    now.held = approvals_.counts().held;
    now.connections = worker_.open_sessions();
    return now;
  }

  void begin_terminal() {
    std::unique_ptr<TerminalAsker> asker;
    if (options_.ask == Ask::terminal) {
      AskerOptions asking;
      asking.user = options_.user;
      asking.policy = std::make_unique<PolicyFile>(config_.policy, options_.policy_folder);
      asking.policy_written = [this] {
        static_cast<void>(reload("a rule was written on the terminal", options_.user));
      };
      asking.colour = std::getenv("NO_COLOR") == nullptr;
      asker = std::make_unique<TerminalAsker>(approvals_, std::move(asking));
    }
    const auto begun = terminal_->begin(std::move(sandbox_.terminal), std::move(asker));
    if (!begun) throw std::runtime_error(begun.error().text);
  }

  // Whatever is wrong with the new one, the old one stays.
  Outcome<std::string, std::vector<Complaint>> reload(const std::string& why, const std::string& who) {
    const std::lock_guard lock(reloading_);
    auto next = Policy::load(config_.policy);
    PolicyEvent event;
    event.time = WallClock::now();
    event.old_uid = policy_.current()->uid();
    event.why = why;
    event.actor = who;
    event.accepted = next.has_value();
    if (next) {
      event.new_uid = (*next)->uid();
      policy_.replace(*next);
      secrets_.load((*next)->secrets());
    } else {
      for (const auto& complaint : next.error()) event.why += "\n  " + complaint.text;
    }
    static_cast<void>(audit_->append(std::move(event)));
    worker_.sweep(policy_.current());
    if (!next) return next.error();
    return (*next)->uid();
  }

  void heard(const Approvals::Happening& what) {
    if (const auto* asked = std::get_if<Approvals::Asked>(&what)) asked_.add(asked->approval.id);
    // What lived on a grant ends with it.
    if (std::holds_alternative<Approvals::Ended>(what)) worker_.sweep(policy_.current());
  }

  // Where learning is on. Nothing that a rule denies, or the guard, gets so far that it is asked.
  void answer(const std::string& approval) {
    if (options_.ask != Ask::approve) return;
    Decision decision;
    decision.approve = true;
    decision.note = "sallyport run --learn allows what is asked";
    static_cast<void>(approvals_.decide(approval, decision, Actor{"run --learn", "approver", "cli", {}}));
  }

  // The command has a session of its own: what a terminal sends to its group reaches only us.
  void forward(int signals) {
    signalfd_siginfo got{};
    while (::read(signals, &got, sizeof got) == sizeof got) {
      const bool by_terminal = got.ssi_code == SI_KERNEL;
      sandbox_.forward(static_cast<int>(got.ssi_signo), by_terminal ? Sandbox::To::group : Sandbox::To::command);
    }
  }

  void mind_time() {
    const auto now = Clock::now();
    if (now < next_sweep_) return;
    next_sweep_ = now + std::chrono::milliseconds(sweep_ms);
    approvals_.sweep();
    worker_.sweep(policy_.current());
    record_floods(admission_, *policy_.current(), *audit_);
    if (now < next_report_) return;
    next_report_ = now + traffic_interval;
    worker_.report_traffic();
  }

  void told(LifecycleEvent::Kind kind, std::string detail) {
    record_lifecycle(kind, std::move(detail), *policy_.current(), *audit_);
  }

  void wait_for_sessions() {
    const auto give_up = Clock::now() + last_bytes;
    while (worker_.open_sessions() > 0 && Clock::now() < give_up)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }

  void end() {
    terminal_.reset();
    worker_.stop_accepting();
    wait_for_sessions();
    worker_.stop_sessions(ClosedBy::shutdown);
    wait_for_sessions();
    listening_ = {};
    notify_.reset();
    admin_.reset();
    worker_.finish();
    worker_.context().stop();
    worker_.join();
    record_floods(admission_, *policy_.current(), *audit_);
    told(LifecycleEvent::Kind::stop, "the command ended");
    audit_->stop();
    if (otlp_) otlp_->stop();
  }

  const Config& config_;
  const RunOptions& options_;
  PolicyHolder policy_;
  EventCounters counted_;
  std::unique_ptr<OtlpExporter> otlp_;  // outlives the log, which hands its lines to it
  std::unique_ptr<AuditLog> audit_;
  dns::LeaseTable leases_;
  dns::NameBudget names_;
  dns::GivenAddresses given_;
  Admission admission_;
  Approvals approvals_;
  Shared shared_;
  Secrets secrets_{{.tell = [](const std::string& text) { spdlog::warn("{}", text); }}};
  Sandbox sandbox_;
  Worker worker_;
  Asked asked_;
  std::unique_ptr<Notify> notify_;
  Approvals::Subscription listening_;
  Approvals::Attendance attendance_;
  std::unique_ptr<AdminServer> admin_;
  std::unique_ptr<Terminal> terminal_;
  std::mutex reloading_;
  const WallClock::time_point started_ = WallClock::now();
  Clock::time_point next_sweep_, next_report_ = Clock::now() + traffic_interval;
};

}  // namespace

int run_session(const Config& config, std::shared_ptr<const Policy> policy, Sandbox sandbox,
                std::unique_ptr<Terminal> terminal, const RunOptions& options) {
  AdminListenOptions listen;
  for (const auto& at : config.console) listen.tcp.push_back(TcpListen{at.address, at.port});
  auto admin = AdminListeners::open(listen);
  if (!admin) throw std::runtime_error(admin.error().text);
  RunSession session(config, std::move(policy), std::move(sandbox), std::move(terminal), options, std::move(*admin));
  return session.run();
}

}  // namespace sallyport
