// One rule of policy.yaml, and whether it fits what is asked.
#pragma once
#include "policy/path.hpp"
#include "policy/policy.hpp"
#include "policy/targets.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sallyport {

enum class Protocol { any, tls, http, ssh, tcp };

struct PortRange {
  std::uint16_t first, last;
  friend bool operator==(const PortRange&, const PortRange&) = default;
};

// Why a rule matches, or the first thing for which it does not.
enum class Fit {
  matches,
  other_host,
  excepted,
  expired,
  other_port,
  other_protocol,
  not_yet,   // a deny or ask that waits for what is still to be seen
  not_seen,  // an allow with methods or paths, and the request cannot be seen
  other_method,
  other_path,
  other_program,
  unknown_program,  // an allow with exe, and nobody knows which program asks
};

// A path of `exe`, and what was there when the policy was read.
struct ExeFile {
  std::string path;
  std::optional<FileIdentity> identity;
};

struct Rule {
  Action action = Action::deny;
  std::string where;  // "policy.yaml:12"
  int line = 0, column = 0;
  std::string id, reason;
  std::string key;  // what a grant knows the rule by, see Verdict::rule_key
  Targets targets, except;
  std::vector<PortRange> ports;  // empty: 80 and 443 for allow and ask, every port for deny
  Protocol protocol = Protocol::any;
  bool private_ok = false;
  bool deny_ech = false;
  std::vector<std::string> methods;
  std::vector<PathPattern> paths;
  std::vector<std::string> dns;
  std::vector<ExeFile> exe;
  std::vector<std::shared_ptr<const Injection>> inject;  // of an allow only
  RuleLimits limits;
  std::optional<WallClock::time_point> expires;  // the first moment at which it holds no more

  bool looks_at_requests() const { return !methods.empty() || !paths.empty(); }
  // Whether more than host and port decides about it.
  bool is_restricted() const {
    return looks_at_requests() || !exe.empty() || protocol == Protocol::tls || protocol == Protocol::http ||
           protocol == Protocol::ssh;
  }
  // More than yes: something that an allow gives or takes besides.
  bool adds_something() const;
  bool covers_port(std::uint16_t port) const;
  bool is_expired(WallClock::time_point now) const { return expires && now >= *expires; }
  Hit names(const Host& host) const { return targets.find(host); }

  // All conditions but the host's: expiry, port, program, protocol, request.
  Fit fits_connection(const Query& query) const;
};

struct HostFit {
  Fit fit = Fit::other_host;
  Hit hit = Hit::none;
};
HostFit fits(const Rule& rule, const Query& query);

// By its id, else by what it says: who edits a rule is asked again.
std::string key_of(const Rule& rule);
bool is_answered(const std::string& key, std::span<const std::string> answered);
// The key under which a policy's default asks.
const std::string& default_key();

// "ports 22, protocol ssh", for people; begins with ", " where there is something.
std::string conditions_text(const Rule& rule);
std::string_view to_text(Action action);
std::string_view to_text(Protocol protocol);

}  // namespace sallyport
