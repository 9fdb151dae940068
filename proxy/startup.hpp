// What `serve` does before it serves: the policy, the folders, the listeners, the user it becomes.
#pragma once
#include "proxy/config.hpp"
#include "proxy/monitor/attach_monitor.hpp"
#include "proxy/monitor/monitor.hpp"
#include "proxy/worker.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sallyport {

// Throws with every complaint where the policy is bad. A policy that the embedded defaults look for may be missing:
// then nothing is allowed, until it appears.
std::shared_ptr<const Policy> first_policy(const Config& config);

Listening wanted_listeners(const Config& config);

// The gateway's rules as this configuration means them, with the ports that were opened.
GatewayPlan gateway_plan(const Config& config, const Listening& at);

// The user to become; empty: stay. Started as root without `user`: sallyport, else nobody, with a word about it.
std::string user_to_become(const Config& config);

// Data and log folders, made and given to `user`.
void make_folders(const Config& config, const std::string& user);

// Throws where who it has become can't write its data, or can't read the policy's files again when they change.
void check_access(const Config& config, const Policy& policy, const std::string& user);

// Where it listens, how to point a client at it, where the policy and the log are.
std::string banner(const Config& config, const Listening& at, const Policy& policy);

// Where the daemon was started as root and may attach namespaces; null otherwise, or where it can't, which is said.
std::shared_ptr<AttachMonitor> start_attach_monitor(const Config& config, const std::string& user);

}  // namespace sallyport
