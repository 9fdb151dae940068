// policy.yaml as an immutable snapshot, and the decision: a pure function of what is asked (DESIGN section 5).
#pragma once
#include "policy/address.hpp"
#include "policy/destination.hpp"
#include "policy/injection.hpp"
#include "policy/program.hpp"
#include "policy/result.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

using WallClock = std::chrono::system_clock;

// Ordered: a stronger action has a larger value (deny beats ask beats allow).
enum class Action { allow, ask, deny };
enum class DecidedBy { rule, default_, grant, guard, limit };

// What a connection has been seen to speak. `pending`: nothing read yet, so the decision is preliminary: an allow whose
// protocol or request is still to be seen counts as matching; a deny or ask that is restricted by protocol, method or
// path does not yet. Every other value is final. `silent`: the time for identification passed without a byte.
enum class Spoken { pending, tls, http, ssh, other, silent };

// A request that was seen, plain or inspected.
struct SeenRequest {
  std::string_view method;
  std::string_view path;  // the request-target's path as received, without the query
};

// What is known of the program that asks. `pending`: nobody has looked yet, as for a DNS question; an allow with `exe`
// counts as matching then, a deny or ask with `exe` not yet. `unknown`: it was looked for and not found, or cannot be:
// no allow with `exe` matches, every deny and ask with `exe` does.
enum class ProgramKnown { pending, unknown, known };

struct Query {
  std::string_view agent;
  const Destination& to;
  Spoken spoken = Spoken::pending;
  std::optional<SeenRequest> request;  // only with Spoken::http, or TLS under inspection
  bool ech = false;                    // a ClientHello with the ECH extension was seen
  WallClock::time_point now;
  // Verdict::rule_key of the asking rules that a grant has answered with yes, for exactly this destination and request.
  std::span<const std::string> answered{};
  // Looked at only with ProgramKnown::known.
  Program program{};
  ProgramKnown program_known = ProgramKnown::unknown;
};

// The strictest of all matching allow rules' limits; absent: unlimited by the policy.
struct RuleLimits {
  std::optional<std::uint64_t> upload_bytes, download_bytes;
  std::optional<unsigned> connections;
  std::optional<unsigned> names;  // distinct hosts an hour under a wildcard; the default is 200
};

struct Verdict {
  Action action = Action::deny;
  DecidedBy decided_by = DecidedBy::default_;
  std::string rule;     // "policy.yaml:12" of the winning rule, empty for the default
  std::string rule_id;  // the rule's `id`, or empty
  // With `ask`: which rule asks, the same after a reload that leaves the rule as it is (its `id` where it has one,
  // else a digest of what it says); and what of a request the question is about, where the rule looks at requests.
  std::string rule_key;
  std::string asks_method, asks_path;
  std::string reason;       // a plain sentence, always there
  bool identify = true;     // false where the allowing rule says `protocol: tcp`: no identification is asked
  bool ssh = false;         // the allowing rule says `protocol: ssh`: ssh may pass on ports 80 and 443
  bool wildcard = false;    // allowed by a wildcard only: the names budget applies
  bool private_ok = false;  // the allowing rule says `private: true`
  RuleLimits limits;
  std::optional<WallClock::time_point> expires;  // when the allowing rules expire: open connections end then
  // With an allow of a request that was seen inside TLS, of every allowing rule that matches: in the order of the file,
  // the agent's own rules first. Never null.
  std::vector<std::shared_ptr<const Injection>> injections;
};

class Policy {
 public:
  ~Policy();
  // Reads the file and its lists. All complaints at once, each "file:line:column: what, and what to write instead".
  // `identify` tells what the files of `exe` are now.
  static Outcome<std::shared_ptr<const Policy>, std::vector<Complaint>> load(
      const std::string& path, const FileIdentifier& identify = identify_file);
  // The same from text; relative lists are looked for in `directory`. `name` stands for the file in messages.
  static Outcome<std::shared_ptr<const Policy>, std::vector<Complaint>> parse(
      std::string_view text, const std::string& name, const std::string& directory,
      const FileIdentifier& identify = identify_file);
  // The embedded default: no rules, `default: ask`.
  static std::shared_ptr<const Policy> embedded();

  Verdict decide(const Query& query) const;

  // Must requests inside TLS to this destination be seen? The first rule, "policy.yaml:12", whose methods, paths,
  // `inject` or `protocol: http` could change what is decided or sent; nullopt: none could, leave the tunnel untouched.
  // `query.spoken` and `query.request` are not looked at. A rule that refuses everything anyway makes it nullopt.
  std::optional<std::string> needs_request(const Query& query) const;

  // For DNS: the best any port, protocol or request of this name could get. `deny`: NXDOMAIN.
  Verdict reachable(std::string_view agent, const HostName& name, WallClock::time_point now) const;
  // For DNS types that go upstream ("TXT"): allow by an exact-host allow rule or a rule with `dns: [TYPE]`. `answered`:
  // as in Query.
  Verdict decide_dns(std::string_view agent, const HostName& name, std::string_view type, WallClock::time_point now,
                     std::span<const std::string> answered = {}) const;

  // The guard (section 8.3): may this allowed destination be reached at `address`? nullopt: yes; else the reason.
  // Applies the special-purpose registries and every `deny` of addresses. `verdict` is what decide() answered.
  std::optional<std::string> guard(const Query& query, const Verdict& verdict, const Address& address,
                                   std::span<const Cidr> nat64) const;

  // Who has this source address: the most specific `from`; nullopt: none.
  std::optional<std::string> agent_of(const Address& source) const;
  std::vector<std::string> agent_names() const;
  bool has_agent(std::string_view name) const;
  // Explicit-proxy credentials: true where agent `name` has a token and `token` is it (constant time).
  bool token_matches(std::string_view name, std::string_view token) const;

  // SHA-256 of the policy file's bytes followed by its lists' in the order of first mention (`cat policy.yaml
  // list.txt | sha256sum`), and by its boundary's uid; lower-case hex.
  const std::string& uid() const;
  // The policy file's own text, as it was when it was read; the embedded default has none.
  const std::string& text() const;
  // Where secrets come from, by name; what `${secret:NAME}` says is always among them.
  const std::vector<SecretSource>& secrets() const;
  // The files this snapshot was read from: the policy, lists, token files, programs of `exe`. All are watched. Files of
  // secrets are not among them: Secrets watches those.
  const std::vector<std::string>& files() const;
  const std::vector<Complaint>& warnings() const;
  // What is worth knowing, and no fault: `policy check` says it.
  const std::vector<Complaint>& notes() const;

  // For `policy test` and `policy explain`.
  struct TestResult {
    std::string where, what;  // "policy.yaml:40", "release-bot GET https://… expected allow"
    bool passed = false;
    std::string got;
    std::optional<std::string> inspected_by;  // as in Explanation
    std::vector<std::string> injects;
  };
  std::vector<TestResult> run_tests(WallClock::time_point now) const;
  struct Match {
    std::string rule;  // file:line
    Action action;
    bool won = false;
    std::string why;  // why it matched, or why it came close and did not
  };
  struct Explanation {
    Verdict verdict;
    std::vector<Match> matches;
    // Over TLS: the rule that makes Sallyport look inside, "policy.yaml:12"; nullopt: it stays an untouched tunnel.
    std::optional<std::string> inspected_by{};
    std::vector<std::string> injects{};  // Injection::text(), each with its rule; never a value
  };
  Explanation explain(const Query& query) const;
  // What this agent may reach, a line a rule, for people.
  std::vector<std::string> describe(std::string_view agent) const;

  // For the files of this room: policy_impl.hpp.
  struct Impl;
  explicit Policy(std::unique_ptr<const Impl> impl);
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<const Impl> impl_;
};

// "https://host/path", "http://…", "ssh://host", "tcp://host:port": a policy test's or explain's target.
struct Target {
  Destination to;
  Spoken spoken;
  std::string path;  // "/" at least for http and https
};
Outcome<Target> parse_target(std::string_view url);

}  // namespace sallyport
