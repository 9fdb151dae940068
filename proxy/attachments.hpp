// The namespaces that have their way out through this daemon (DESIGN section 7): given, watched, taken, remembered.
#pragma once
#include "console/backend.hpp"
#include "proxy/attached_file.hpp"
#include "proxy/monitor/attach_monitor.hpp"
#include "proxy/policy_holder.hpp"
#include "proxy/worker.hpp"
#include "telemetry/audit_log.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace sallyport {

// Every member may be called by any thread and blocks for a moment.
class Attachments {
 public:
  // `workers`, `audit` and `policy` outlive this. What `file` remembers is attached again, where it is provably the
  // same namespace.
  Attachments(std::shared_ptr<AttachMonitor> monitor, std::vector<std::unique_ptr<Worker>>& workers, std::string file,
              AuditLog& audit, const PolicyHolder& policy);
  // The namespaces stay remembered; their doors end with the workers.
  ~Attachments();
  Attachments(const Attachments&) = delete;
  Attachments& operator=(const Attachments&) = delete;

  Outcome<AgentInfo> attach(const AttachRequest& request, const Caller& by);
  Outcome<void> detach(const std::string& agent, const Caller& by);
  std::vector<AgentInfo> list() const;
  // For the admin API, which ends before this does.
  void lend(Backend& backend);

 private:
  struct Entry {
    RememberedNamespace what;
    std::uint64_t monitor_door = 0, worker_door = 0;
    Worker* worker = nullptr;
    OwnedFd link_watch;
  };
  enum class How { anew, again };

  void recall();
  Outcome<void> attach_as(const std::string& agent, const NamespacePlace& place);
  Outcome<void> detach(const std::string& agent);
  Outcome<void> open(RememberedNamespace what, How how);
  void close(Entry& entry);
  void mind(const std::stop_token& stop);
  void wake() const;
  enum class Look { links, all };
  void look_at(std::size_t index, Look look);
  void save() const;
  // For the log: what became of a namespace, and what somebody asked for.
  void tell(LifecycleEvent::Kind kind, const std::string& agent, const std::string& what);
  void tell_of_request(const char* operation, ApiEvent::Activity activity, const std::string& agent, const Caller& by,
                       const Outcome<void>& done);

  std::shared_ptr<AttachMonitor> monitor_;
  std::vector<std::unique_ptr<Worker>>& workers_;
  std::string file_, boot_;
  AuditLog& audit_;
  const PolicyHolder& policy_;
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
  std::size_t next_worker_ = 0;
  OwnedFd changed_;
  std::jthread minder_;
};

}  // namespace sallyport
