#include "proxy/daemon_options.hpp"

#include <algorithm>

namespace sallyport {
namespace {

// Of every descriptor limit: what is not for connections, and what a busy connection needs (two sockets, a pipe).
constexpr std::uint64_t reserved_descriptors = 256;
constexpr std::uint64_t descriptors_per_connection = 4;

}  // namespace

dns::LeaseOptions lease_options(const Config& config) {
  dns::LeaseOptions options = dns::LeaseOptions::defaults();
  options.pool4 = config.dns.pool4;
  options.pool6 = config.dns.pool6;
  options.file = config.data + "/leases";
  options.lease = std::chrono::duration_cast<std::chrono::seconds>(config.dns.lease);
  options.rest = std::chrono::duration_cast<std::chrono::seconds>(config.dns.rest);
  options.names_per_agent = config.limits.names_per_agent;
  return options;
}

AdmissionLimits admission_limits(const Config& config, std::uint64_t descriptors) {
  const std::uint64_t possible =
      descriptors > reserved_descriptors ? (descriptors - reserved_descriptors) / descriptors_per_connection : 1;
  AdmissionLimits limits;
  // Whoever names a number may know that most of them are held, or idle: those need one or two descriptors. One that is
  // not to be had refuses a connection and nothing else.
  const std::uint64_t most = descriptors > reserved_descriptors ? descriptors - reserved_descriptors : 1;
  limits.connections = config.limits.connections == 0 ? possible : std::min(config.limits.connections, most);
  limits.per_agent = config.limits.per_agent;
  limits.rate_per_agent = config.limits.rate_per_agent;
  return limits;
}

std::vector<std::uint16_t> ports_of(const Listening& at, const AdminListeners& admin) {
  std::vector<std::uint16_t> ports;
  for (const auto& listener : admin.tcp()) ports.push_back(listener.at.port);
  for (const auto& endpoint : at.proxy) ports.push_back(endpoint.port());
  for (const auto& endpoint : at.dns) ports.push_back(endpoint.port());
  for (const auto& door : at.transparent) ports.push_back(door.first.port());
  return ports;
}

ApprovalLimits approval_limits(const Config& config) {
  const auto seconds = [](std::chrono::milliseconds time) { return std::chrono::ceil<std::chrono::seconds>(time); };
  ApprovalLimits limits;
  limits.grant = seconds(config.approvals.grant);
  limits.pending_ttl = seconds(config.approvals.pending_ttl);
  limits.max_pending = config.approvals.max_pending;
  limits.pending_per_agent = config.approvals.pending_per_agent;
  limits.held_per_agent = config.limits.held_per_agent;
  return limits;
}

}  // namespace sallyport
