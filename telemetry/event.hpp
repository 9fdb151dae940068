// What the audit log is told of, as domain types: filled along the way by whoever learns a fact, turned into OCSF by
// ocsf.hpp. Text that an agent supplied stands here as it came; the encoder escapes and bounds it.
#pragma once
#include "policy/address.hpp"
#include "policy/policy.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace sallyport {

enum class Door { proxy, socks, transparent, attached, dns };
// Where the destination's name was learned.
enum class NameFrom { lease, connect, socks, sni, host, address };
// Who or what ended a connection. `policy`: a reload or an expired rule; `revoked`: a grant was revoked or ended;
// `detached`: the agent's namespace left; `crash`: Sallyport died and wrote this end at its next start.
enum class ClosedBy { client, upstream, idle, limit, policy, revoked, detached, timeout, shutdown, error, crash };

struct ProcessParent {
  std::int64_t pid = 0;
  std::string name;
};

// The program that opened a connection, where it is known. Everything but the numbers is the agent's own doing.
struct ProcessInfo {
  std::int64_t pid = 0;  // as the host counts
  std::string name, cmd_line, path;
  // Of the executable, however its path is called; an inode of 0: not known, or several programs hold the connection.
  std::uint64_t device = 0, inode = 0;
  std::vector<ProcessParent> parents{};  // the nearest first, within the sandbox
};

// What the agent said of its own work (PUT /v1/context): untrusted.
struct AgentContext {
  std::string session, tool_call, tool, reason, traceparent;
};

// What every record of an agent's traffic shares.
struct Origin {
  WallClock::time_point time;  // when it happened; the epoch means: when it is written
  std::string correlation;     // one id through DNS answer, connection, requests, approval and grant
  std::string agent;
  Door door = Door::proxy;
  std::optional<Address> source;
  std::uint16_t source_port = 0;  // 0: unknown
  std::string host;               // the destination as text: a name, or an address; empty: not known yet
  std::uint16_t port = 0;         // 0: unknown
  std::optional<NameFrom> name_from;
  std::string policy_uid;  // Policy::uid() of the snapshot that decided
  std::optional<Verdict> verdict;
  std::string approval;  // id of the approval that was asked or answered, or empty
  std::optional<ProcessInfo> process;
  std::optional<AgentContext> context;
};

// Bytes as the agent sees them: `in` came back to it, `out` it sent.
struct Traffic {
  std::uint64_t in = 0, out = 0;
};

struct TlsFacts {
  std::string sni;                // outer SNI; empty: none
  std::string version;            // "1.3": negotiated; empty: unknown, then `sni` stands under unmapped.sallyport
  std::vector<std::string> alpn;  // as offered
  bool ech = false;
  std::string ja4;
};

// Network Activity 4001.
struct ConnectionEvent {
  // `open`: allowed (once upstream is connected or being dialled). `hold`: a hold begins (Other 99, disposition
  // Delayed). Every `open` has exactly one end: close, reset or fail. A refusal is a `refuse` and nothing else.
  enum class Activity { open, close, reset, fail, refuse, traffic, hold };
  Origin origin;
  Activity activity = Activity::open;
  std::optional<Address> peer;        // the checked address that was connected to
  Traffic traffic;                    // since the last `traffic` record
  std::optional<Traffic> cumulative;  // running totals
  std::optional<std::chrono::milliseconds> duration;
  std::optional<TlsFacts> tls;
  std::string status_detail;  // why it failed or was refused, a plain sentence
  std::optional<ClosedBy> closed_by;
  std::optional<std::chrono::milliseconds> held;  // how long it waited in a hold
  std::optional<std::uint64_t> waiting_bytes;     // with `hold`: what the client had sent by then
  std::uint64_t count = 1;                        // refusals past the rate are one counted record
};

// HTTP Activity 4002: one request, plain or inspected.
struct HttpEvent {
  Origin origin;
  std::string method, scheme, version;  // "GET", "https", "1.1"
  std::string host;                     // as the request names it; empty: as the origin does
  std::string path;                     // as received; a query is cut off by the encoder
  std::string user_agent;
  // Only those that telemetry.audit.headers names; credentials are redacted even then.
  std::vector<std::pair<std::string, std::string>> headers;
  int status = 0;  // of the answer; 0: none came
  Traffic traffic;
  std::optional<std::chrono::milliseconds> duration;
  std::string status_detail;
  std::optional<std::chrono::milliseconds> held;
};

// A DNS question and what it was answered with.
struct DnsFacts {
  struct Answer {
    std::string type, data;
    std::uint32_t ttl = 0;
  };
  Origin origin;
  std::string name;  // as asked, in presentation form
  std::string type;  // "AAAA", "TYPE65"
  int rcode = 0;     // RFC 6895
  bool over_tcp = false;
  std::vector<Answer> answers;
  std::string status_detail;  // the Extended DNS Error's text, where there is one
};

// DNS Activity 4003. An agent asks the same again and again, before each connection: the facts are encoded once
// (dns_text.hpp), and told of as often as it asks.
struct DnsText;
struct DnsEvent {
  WallClock::time_point time;
  std::uint16_t source_port = 0;        // 0: unknown, or there were several
  std::shared_ptr<const DnsText> text;  // never null; of its facts, time and source_port stand here
  // The same question with the same answer was repeated: so often, from `time` until then.
  std::uint64_t count = 1;
  WallClock::time_point last_time{};
};

// Application Lifecycle 6002: Sallyport itself.
struct LifecycleEvent {
  enum class Kind {
    start,
    stop,
    guard_lost,  // interception is not in force (DESIGN 8.9)
    guard_regained,
    attached,  // a namespace got its way out, or lost it
    detached,
    log_torn,     // written by the log: the line before was torn by a crash
    log_gap,      // written by the log: `lost` records could not be written
    log_retired,  // written by the log: old files were removed
    checkpoint,   // written by the log
  };
  WallClock::time_point time;
  Kind kind = Kind::start;
  std::string detail;      // a plain sentence
  std::string policy_uid;  // with start
  std::string agent;       // with attached and detached
  std::uint64_t lost = 0;
  std::uint64_t begins = 0;  // with log_retired: the first sequence that stays; 0: not said
};

// API Activity 6003: a policy was offered and taken or refused.
struct PolicyEvent {
  WallClock::time_point time;
  bool accepted = false;
  std::string old_uid, new_uid;  // new_uid is empty where the file could not be read
  std::string why;               // "SIGHUP", "policy.yaml changed", "learned", with the complaint where it was refused
  std::string actor = "sallyport";
  std::optional<Address> source;
};

// API Activity 6003: a person (or agent) did something at the admin API: an approval, a grant, an agent.
struct ApiEvent {
  enum class Activity { create = 1, read = 2, update = 3, remove = 4 };
  WallClock::time_point time;
  std::string correlation;  // of the connection or approval it is about
  Activity activity = Activity::update;
  std::string operation;          // "approvals.approve", "approvals.deny", "grants.revoke", "agents.attach"
  std::string actor, role;        // the token's name or unix user; viewer | approver | admin
  std::optional<Address> source;  // absent: the unix socket
  std::string agent, host;        // whom and what it is about
  std::uint16_t port = 0;
  std::string approval, grant, scope, match, note;
  std::string policy_uid;
  bool success = true;
  std::string status_detail;
  std::string through;                                     // "cli", "console", "decider", …; empty: not known
  std::optional<std::chrono::milliseconds> decision_time;  // from the question to its answer
};

using Event = std::variant<ConnectionEvent, HttpEvent, DnsEvent, LifecycleEvent, PolicyEvent, ApiEvent>;

// The words the log uses.
const char* word_of(Door door);
const char* word_of(NameFrom from);
const char* word_of(ClosedBy by);
const char* word_of(DecidedBy by);
const char* word_of(Action action);

}  // namespace sallyport
