// console_sample FOLDER [INVENTED]: serves the console with invented data until its standard input ends, and prints its
// address. INVENTED: so many made-up questions instead of the hand-written ones.
#include "console/sample/sample_data.hpp"
#include "console/server.hpp"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iostream>

int main(int count, char** arguments) {
  using namespace sallyport;
  if (count < 2) {
    std::cerr << "console_sample FOLDER [INVENTED]\n";
    return 2;
  }
  const std::string folder = arguments[1];
  const std::size_t invented = count > 2 ? std::stoul(arguments[2]) : 0;
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/policy.yaml") << sample_policy();

  AuditOptions audit_options;
  audit_options.path = folder + "/audit.jsonl";
  auto audit = AuditLog::open(audit_options).value();
  ApprovalLimits limits;
  limits.max_pending = limits.pending_per_agent = limits.held_per_agent = 20000;
  // The first questions were asked a while ago.
  std::atomic<std::int64_t> earlier{1200};
  Approvals approvals(":memory:", limits, *audit,
                      [&earlier] { return WallClock::now() - std::chrono::seconds(earlier.load()); });
  answer_samples(approvals);
  record_samples(*audit);
  earlier = 45;
  const auto tickets = ask_samples(approvals, invented);
  earlier = 0;

  const auto loaded = Policy::load(folder + "/policy.yaml");
  if (!loaded) {
    std::cerr << loaded.error().front().text << '\n';
    return 1;
  }
  const std::shared_ptr<const Policy>& policy = *loaded;
  const auto started = WallClock::now() - std::chrono::hours(30);
  Backend backend{approvals, *audit, limits, [&policy] { return policy; }, folder + "/policy.yaml"};
  backend.connections = [](std::size_t) { return sample_connections(); };
  backend.agents = sample_agents;
  backend.status = [started] {
    DaemonStatus status;
    status.listening = {{"proxy", "127.0.0.1:3128"}, {"dns", "127.0.0.1:15053"}};
    status.started = started;
    status.connections = 6;
    return status;
  };
  AdminListenOptions listen;
  listen.tcp.push_back({});
  auto server = AdminServer::begin(AdminListeners::open(listen).value(), std::move(backend), {folder, {}, {}}).value();
  std::cout << server->addresses().front() << std::endl;
  for (std::string line; std::getline(std::cin, line);) continue;
  server->stop();
  return 0;
}
