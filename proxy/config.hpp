// sallyport.yaml: how the daemon runs (DESIGN section 6). Every key has a default.
#pragma once
#include "approvals/notify/options.hpp"
#include "policy/address.hpp"
#include "policy/destination.hpp"
#include "policy/result.hpp"
#include "proxy/gateway/rules.hpp"
#include "telemetry/audit_log.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sallyport {

struct ListenAddress {
  Address address = Address::v4({127, 0, 0, 1});
  std::uint16_t port = 0;  // 0: the kernel chooses; the chosen one is printed

  std::string text() const;
};

struct TransparentListen {
  ListenAddress at;
  Steering steering = Steering::redirect;
};

enum class DnsMode { synthetic, real };
struct DnsConfig {
  DnsMode mode = DnsMode::synthetic;
  std::vector<std::string> upstream;  // "address:port"; empty: the system's
  Cidr pool4, pool6;
  std::chrono::milliseconds lease, rest;
  std::vector<Cidr> nat64;

  DnsConfig();
};

enum class ParentSend { name, address };
enum class ParentHttp { absolute, connect };
struct ParentProxy {
  Destination at;
  std::string credentials;  // the value of Proxy-Authorization, from the file's USER:PASSWORD; empty: none
  ParentSend send = ParentSend::name;
  ParentHttp http = ParentHttp::absolute;
  std::vector<std::string> except;  // patterns reached directly

  bool serves(const Host& host) const;
};

enum class GatewayCheck { off, own, external };
struct GatewayConfig {
  std::vector<std::string> interfaces;
  std::vector<Cidr> agents;
  GatewayCheck check = GatewayCheck::off;
};

// Both files or neither: then Sallyport makes its own CA.
struct InspectConfig {
  std::string ca_cert, ca_key;  // paths
  std::vector<std::string>
      roots;  // paths of PEM files that upstream certificates may be signed by, beside the system's
};

enum class UnknownAgents { default_, deny };
struct AuditConfig {
  std::string path;
  std::uint64_t rotate_bytes = 256ULL << 20;
  std::chrono::milliseconds keep = std::chrono::hours(24 * 90);
  std::uint64_t max_total_bytes = 20ULL << 30;
  OnFailure on_failure = OnFailure::block;
  std::vector<std::string> headers;  // of requests, to be recorded; lower-case
};

enum class OnRevoke { close, keep };
enum class Unattended { hold, refuse };
struct ApprovalsConfig {
  std::chrono::milliseconds timeout = std::chrono::minutes(2);  // a client is held for so long
  std::chrono::milliseconds grant = std::chrono::hours(8);
  std::chrono::milliseconds pending_ttl = std::chrono::hours(24);
  std::uint64_t max_pending = 1000;
  std::uint64_t pending_per_agent = 50;
  OnRevoke on_revoke = OnRevoke::close;
  Unattended unattended = Unattended::hold;
  NotifyOptions notify;  // with the decider
};

struct Limits {
  std::uint64_t connections = 0;  // 0: from the descriptor limit
  std::uint64_t per_agent = 1000;
  std::uint64_t rate_per_agent = 200;  // new connections a second
  std::uint64_t held_per_agent = 1000;
  std::uint64_t names_per_agent = 4096;
  std::uint64_t head_bytes = 64 << 10;
};

struct Timeouts {
  std::chrono::milliseconds connect = std::chrono::seconds(10);
  std::chrono::milliseconds idle = std::chrono::minutes(10);
  std::chrono::milliseconds sniff = std::chrono::seconds(3);
  std::chrono::milliseconds head = std::chrono::seconds(15);
  std::chrono::milliseconds drain = std::chrono::seconds(30);
};

struct Config {
  std::string file;    // empty: the embedded defaults
  std::string policy;  // path; beside the configuration file unless given
  std::string data;
  std::vector<ListenAddress> proxy, dns_listen;
  std::vector<TransparentListen> transparent;
  std::string admin_socket;            // path; empty: none
  std::vector<ListenAddress> console;  // the API over TCP, and the page
  DnsConfig dns;
  std::optional<ParentProxy> parent;
  GatewayConfig gateway;
  InspectConfig inspect;
  bool attach = true;  // where started as root: namespaces may be attached
  std::string user;    // empty: stay who we are
  UnknownAgents unknown_agents = UnknownAgents::default_;
  ApprovalsConfig approvals;
  AuditConfig audit;
  std::optional<EndpointOptions> otlp;  // the collector; its target is the base without a slash at its end
  Limits limits;
  Timeouts timeouts;
  unsigned threads = 0;  // 0: one a core

  // What `sallyport serve` with no file does: explicit proxy and DNS on loopback, data under the user's (or root's)
  // directory.
  static Config embedded();
};

// All complaints at once, each "file:line:column: what, and what to write instead". Relative paths are relative to the
// file.
Outcome<Config, std::vector<Complaint>> load_config(const std::string& path);
Outcome<Config, std::vector<Complaint>> parse_config(std::string_view text, const std::string& file);

}  // namespace sallyport
