// What the daemon lends to the admin API: the API itself holds no state of the proxy.
#pragma once
#include "approvals/approvals.hpp"
#include "console/caller.hpp"
#include "policy/policy.hpp"
#include "telemetry/audit_log.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sallyport {

struct LiveConnection {
  enum class State { held, open };
  std::string id, agent, host;  // id: its correlation id, as in the audit log
  std::uint16_t port = 0;
  Door door = Door::proxy;
  State state = State::open;
  WallClock::time_point since;
  Traffic traffic;
  std::string approval, grant;  // empty: none
};

struct AgentInfo {
  std::string name;
  std::string known_by;  // "policy", "attached", "default": how it is told from others
  std::string detail;    // the namespace, the source addresses: a few words
  std::uint64_t connections = 0, held = 0;
};

// POST /v1/agents: one of the two ways to name a network namespace.
struct AttachRequest {
  std::string agent;
  std::string netns;     // a path; empty: by `pid`
  std::int64_t pid = 0;  // 0: by `netns`
};

struct DaemonStatus {
  struct Listening {
    std::string door, address;  // "proxy", "127.0.0.1:3128"
  };
  std::vector<Listening> listening;
  bool guarding = true;  // interception is in force (DESIGN 8.9)
  bool draining = false;
  WallClock::time_point started;
  std::uint64_t connections = 0, held = 0;
};

// One sample for Prometheus. Labels are the daemon's own words, never a host name (DESIGN section 9).
struct Metric {
  enum class Kind { counter, gauge };
  std::string name, help;  // "sallyport_connections_total"
  Kind kind = Kind::counter;
  std::vector<std::pair<std::string, std::string>> labels;
  double value = 0;
};

// Every function may be called by any thread, and may block for a moment; what is empty is answered with 501.
struct Backend {
  Approvals& approvals;
  AuditLog& audit;
  ApprovalLimits limits;
  std::function<std::shared_ptr<const Policy>()> policy = {};
  std::string policy_path = {};
  // Why what the files say now is not in force; empty: it is.
  std::function<std::vector<Complaint>()> policy_faults = {};
  // The new policy's uid, or why the old one stays.
  std::function<Outcome<std::string, std::vector<Complaint>>(const Caller& by)> reload = {};
  std::function<std::vector<LiveConnection>(std::size_t limit)> connections = {};
  std::function<std::vector<AgentInfo>()> agents = {};
  std::function<DaemonStatus()> status = {};
  std::function<std::vector<Metric>()> metrics = {};
  std::function<Outcome<AgentInfo>(const AttachRequest& request, const Caller& by)> attach = {};
  std::function<Outcome<void>(const std::string& agent, const Caller& by)> detach = {};
};

}  // namespace sallyport
