#include "proxy/attempt.hpp"

#include "dns/special_names.hpp"
#include "proxy/internal_name.hpp"

#include <algorithm>

namespace sallyport {

bool Attempt::answer(const Verdict& verdict) {
  if (std::find(answered.begin(), answered.end(), verdict.rule_key) != answered.end()) return false;
  answered.push_back(verdict.rule_key);
  return true;
}

std::string protocol_of(Spoken spoken) {
  switch (spoken) {
    case Spoken::pending:
      return {};
    case Spoken::tls:
      return "tls";
    case Spoken::http:
      return "http";
    case Spoken::ssh:
      return "ssh";
    case Spoken::other:
    case Spoken::silent:
      return "tcp";
  }
  return {};
}

void Attempt::rename(Host host) {
  to.host = std::move(host);
  answered.clear();
}

Query Attempt::query(WallClock::time_point now) const {
  Query query{.agent = agent,
              .to = to,
              .spoken = spoken,
              .request = std::nullopt,
              .ech = ech,
              .now = now,
              .answered = answered};
  if (method && path) query.request = SeenRequest{*method, *path};
  if (program) {
    query.program.file = *program;
    query.program_known = ProgramKnown::known;
  }
  return query;
}

std::optional<FileIdentity> program_of(const Origin& origin) {
  if (!origin.process || origin.process->inode == 0) return std::nullopt;
  return FileIdentity{origin.process->device, origin.process->inode};
}

bool is_this_host(const Host& host) {
  return host.name() && host.name()->text() == "host.sallyport.internal";
}

namespace {

// A rule about `any` or a whole zone doesn't name it, nor does the default: they would say the same of another name.
bool is_named(const Policy& policy, const Attempt& attempt) {
  const auto other_name = HostName::parse("other.sallyport.internal");
  if (!other_name) return false;
  Attempt other = attempt;
  other.to.host = *other_name;
  const auto now = WallClock::now();
  const Verdict here = policy.decide(attempt.query(now));
  const Verdict there = policy.decide(other.query(now));
  return !here.rule.empty() && here.rule != there.rule;
}

// Names that mean somebody in particular, and are no business of a name server (RFC 6761, 6.3).
const char* why_never(const Policy& policy, const Attempt& attempt) {
  const Host& host = attempt.to.host;
  if (!host.name()) return nullptr;
  if (attempt.sandboxed && is_this_host(host)) {
    return is_named(policy, attempt) ? nullptr
                                     : "host.sallyport.internal is reached only where a rule names it with its port";
  }
  switch (dns::special_name(*host.name())) {
    case dns::SpecialName::sallyport:
      return "sallyport.internal is Sallyport itself, and speaks plain HTTP on port 80 only";
    case dns::SpecialName::below_sallyport:
      return "names below sallyport.internal exist only inside a sandbox that Sallyport made";
    case dns::SpecialName::localhost:
      return "localhost is the client's own loopback, which is not reached through here";
    default:
      return nullptr;
  }
}

}  // namespace

Verdict judge(const Policy& policy, const Attempt& attempt, const DnsConfig& dns) {
  if (const char* reason = why_never(policy, attempt)) {
    Verdict verdict;
    verdict.decided_by = DecidedBy::guard;
    verdict.reason = reason;
    return verdict;
  }
  const Query query = attempt.query(WallClock::now());
  Verdict verdict = policy.decide(query);
  const Address* address = attempt.to.host.address();
  if (!address || verdict.action == Action::deny) return verdict;
  if (const auto reason = policy.guard(query, verdict, *address, dns.nat64)) {
    verdict.action = Action::deny;
    verdict.decided_by = DecidedBy::guard;
    verdict.reason = *reason;
  }
  return verdict;
}

bool allowed_at(const Policy& policy, const Attempt& attempt, const std::optional<Address>& peer,
                const DnsConfig& dns) {
  const Verdict verdict = judge(policy, attempt, dns);
  if (verdict.action != Action::allow) return false;
  if (is_this_host(attempt.to.host)) return true;
  return !peer || !policy.guard(attempt.query(WallClock::now()), verdict, *peer, dns.nat64);
}

bool settled(const Policy& policy, const Attempt& attempt, const DnsConfig& dns) {
  Attempt each = attempt;
  for (const Spoken spoken : {Spoken::tls, Spoken::http, Spoken::ssh, Spoken::other, Spoken::silent}) {
    each.spoken = spoken;
    if (judge(policy, each, dns).action != Action::allow) return false;
  }
  return true;
}

}  // namespace sallyport
