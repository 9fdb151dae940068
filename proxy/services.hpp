// What sessions work with: what the whole daemon shares, and what each thread has for itself.
#pragma once
#include "approvals/approvals.hpp"
#include "dns/leases.hpp"
#include "dns/query_limits.hpp"
#include "dns/resolver.hpp"
#include "net/peer_gone.hpp"
#include "net/pipe_pool.hpp"
#include "proxy/admission.hpp"
#include "proxy/config.hpp"
#include "proxy/internal_contexts.hpp"
#include "proxy/live_sessions.hpp"
#include "proxy/policy_holder.hpp"
#include "telemetry/audit_log.hpp"

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace sallyport {

class Inspection;
class Secrets;

// One for the daemon; every member may be used by any thread.
struct Shared {
  const Config& config;
  PolicyHolder& policy;
  AuditLog& audit;
  dns::LeaseTable& leases;
  dns::NameBudget& names;
  dns::GivenAddresses& given;
  Admission& admission;
  Approvals& approvals;
  std::vector<std::uint16_t> own_ports;  // of every listener of ours: never a destination on this host
  std::string instance;                  // this daemon's name in Via
  std::atomic<bool> guarding{true};      // false: interception is not in force, nothing new is let in (DESIGN 8.9)
  InternalState internal{};
  const Inspection* inspection = nullptr;  // null: no connection is inspected, and what would need it is refused
  const Secrets* secrets = nullptr;        // null: there are none, and a request that would be given one is refused
};

// One for each thread, used by that thread alone.
struct Services {
  Shared& shared;
  dns::Resolver& resolver;
  PipePool& pipes;
  PeerWatch& peers;
  LiveSessions& live;
};

}  // namespace sallyport
